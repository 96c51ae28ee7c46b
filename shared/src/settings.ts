/** Settings as `NAME=VALUE` words: what tables of them are made of, and how they are checked and read. */
import * as v from 'valibot'
import { WaltError } from './errors.ts'

export type Setting = {
  read: v.GenericSchema<unknown, string | number | boolean>
  default: string
  help: string
  /** A password: never shown. */
  secret?: true
}
type SettingTable = Record<string, Setting>

export const booleanSetting = v.pipe(
  v.picklist(['true', 'false'], 'it is true or false'),
  v.transform((text) => text === 'true'),
)

export const countSetting = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^[0-9]{1,9}$/, 'it is a whole number'),
    v.transform(Number),
    v.minValue(min, `it is at least ${min}`),
    v.maxValue(max, `it is at most ${max}`),
  )

/** Printable ASCII on one line. */
export const textSetting = (maxLength: number) =>
  v.pipe(
    v.string(),
    v.regex(/^[\x20-\x7e]*$/, 'it is plain text'),
    v.maxLength(maxLength, `it has at most ${maxLength} characters`),
  )

/** Either empty, which means that it is not set, or as the schema has it. */
export const optionalSetting = <S extends v.GenericSchema<string, string>>(schema: S) =>
  v.union([v.literal(''), schema], (issue) => issue.issues?.at(-1)?.message ?? 'it is not valid')

/** What stands in place of a secret. */
const secretShown = '(set)'

/** @throws WaltError `setting-unknown` or `setting-invalid` */
export function checkSettings<N extends string>(
  table: Record<N, Setting>,
  given: Record<string, string>,
): Partial<Record<N, string>> {
  const checked: Partial<Record<N, string>> = {}
  const isName = (name: string): name is N => Object.hasOwn(table, name)
  for (const [name, value] of Object.entries(given)) {
    if (!isName(name)) {
      const names = Object.keys(table).join(', ')
      throw new WaltError('setting-unknown', `"${name}" is not a setting; there are: ${names}.`)
    }
    const setting = table[name]
    const result = v.safeParse(setting.read, value)
    if (!result.success) {
      const shown = setting.secret ? secretShown : value
      throw new WaltError('setting-invalid', `${name}=${shown}: ${result.issues[0].message}.`)
    }
    checked[name] = value
  }
  return checked
}

/** The settings in force: what was given over the defaults. */
export function effectiveSettings<T extends SettingTable>(
  table: T,
  given: { [N in keyof T]?: string },
): { [N in keyof T]: v.InferOutput<T[N]['read']> } {
  const entries = Object.entries(table).map(([name, setting]) => [
    name,
    v.parse(setting.read, given[name] ?? setting.default),
  ])
  return Object.fromEntries(entries) as { [N in keyof T]: v.InferOutput<T[N]['read']> }
}

export type ShownSettings = {
  given: Record<string, string>
  effective: Record<string, string | number | boolean>
}

/** For a person: without what does not concern, and with secrets hidden. */
export function shownSettings(
  table: SettingTable,
  given: Record<string, string | undefined>,
  concerns: (name: string) => boolean = () => true,
): ShownSettings {
  const shown = <V>(values: Record<string, V>) =>
    Object.fromEntries(
      Object.entries(values)
        .filter(([name]) => concerns(name))
        .map(([name, value]) => [name, table[name]?.secret && value !== '' ? secretShown : value]),
    )
  return {
    given: shown(given) as Record<string, string>,
    effective: shown<string | number | boolean>(effectiveSettings(table, given)),
  }
}
