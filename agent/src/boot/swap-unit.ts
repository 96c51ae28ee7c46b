import { mkdirSync, writeFileSync } from 'node:fs'

/**
 * Keeps systemd from switching swap off at the end of a user space: the next one, on the same kernel, needs it still, and
 * what was swapped out need not fit into RAM. A setting for all swap units (systemd.unit(5), "swap.d"), since systemd names
 * one after each of a device's names.
 */
export function keepSwapOn(unitFolder = '/run/systemd/system'): void {
  const folder = `${unitFolder}/swap.d`
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/walt.conf`, '[Unit]\nDefaultDependencies=no\n')
}
