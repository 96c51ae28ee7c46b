/** JSON Schema (2020-12) of valibot's schemas, as far as the API's bodies use them. Pure. */
import assert from 'node:assert'
import type * as v from 'valibot'

export type JsonSchema = { [key: string]: unknown }

/** What is read of a schema or of a step of a pipe. */
type Shape = {
  type: string
  entries?: Record<string, Shape>
  item?: Shape
  items?: readonly Shape[]
  /** Of a picklist, values; of a union, schemas. */
  options?: readonly unknown[]
  literal?: unknown
  wrapped?: Shape
  key?: Shape
  value?: Shape
  pipe?: readonly Shape[]
  requirement?: unknown
}

/**
 * `names` are the schemas that are written once, under `#/components/schemas/NAME`, and referred to elsewhere.
 * A schema that transforms is shown as what it takes.
 */
export function jsonSchemaOf(
  schema: v.GenericSchema,
  names: ReadonlyMap<unknown, string> = new Map(),
): JsonSchema {
  return convert(schema as unknown as Shape, names, true)
}

function convert(shape: Shape, names: ReadonlyMap<unknown, string>, isRoot = false): JsonSchema {
  const name = names.get(shape)
  if (name !== undefined && !isRoot) return { $ref: `#/components/schemas/${name}` }
  const below = (one: Shape | undefined) => {
    assert(one, `${shape.type} has nothing below it`)
    return convert(one, names)
  }
  if (shape.pipe) {
    const [first, ...steps] = shape.pipe
    return Object.assign(below(first), ...steps.map(boundOf))
  }
  switch (shape.type) {
    case 'string':
    case 'number':
    case 'boolean':
      return { type: shape.type }
    case 'unknown':
    case 'any':
      return {}
    case 'literal':
      return { const: shape.literal }
    case 'picklist':
      return { enum: shape.options }
    case 'optional':
      return below(shape.wrapped)
    case 'nullable':
      return { anyOf: [below(shape.wrapped), { type: 'null' }] }
    case 'array':
      return { type: 'array', items: below(shape.item) }
    case 'tuple': {
      const items = (shape.items ?? []).map(below)
      return { type: 'array', prefixItems: items, minItems: items.length, maxItems: items.length }
    }
    case 'record':
      return { type: 'object', propertyNames: below(shape.key), additionalProperties: below(shape.value) }
    case 'union':
      return { anyOf: (shape.options as readonly Shape[]).map(below) }
    case 'object':
    case 'strict_object': {
      const entries = Object.entries(shape.entries ?? {})
      const required = entries.filter(([, entry]) => entry.type !== 'optional').map(([key]) => key)
      return {
        type: 'object',
        properties: Object.fromEntries(entries.map(([key, entry]) => [key, below(entry)])),
        ...(required.length > 0 ? { required } : {}),
        ...(shape.type === 'strict_object' ? { additionalProperties: false } : {}),
      }
    }
    default:
      assert.fail(`the document of the API cannot show a schema of the type "${shape.type}"`)
  }
}

/** Checks that JSON Schema cannot say, and transformations, are left out. */
function boundOf({ type, requirement }: Shape): JsonSchema {
  switch (type) {
    case 'min_length':
      return { minLength: requirement }
    case 'max_length':
      return { maxLength: requirement }
    case 'min_value':
      return { minimum: requirement }
    case 'max_value':
      return { maximum: requirement }
    case 'integer':
      return { type: 'integer' }
    case 'regex':
      return requirement instanceof RegExp && requirement.flags === '' ? { pattern: requirement.source } : {}
    case 'url':
      return { format: 'uri' }
    default:
      return {}
  }
}
