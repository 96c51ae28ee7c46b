import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/**
 * Whether a program that a test drives is on this machine. A test without it skips visibly (`it.skipIf(!needTool('fio'))`);
 * where CI is set it must be there, so that nothing is skipped unseen.
 */
export function needTool(name: string): boolean {
  if (hasTool(name)) return true
  if (process.env.CI)
    throw new Error(`${name} is missing: install it, or unset CI to skip the tests that need it.`)
  console.warn(`skipped: ${name} is not on this machine`)
  return false
}

export function hasTool(name: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'].filter(
    (folder) => folder !== '',
  )
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
