import { missingPackages } from './system-packages.ts'

/**
 * Whether whole nodes can run here. Where they cannot, their tests are skipped and say why; in CI that is a failure.
 */
export function canRunNodes(engine: 'user-mode-linux' | 'qemu-system-x86'): boolean {
  const engines = ['user-mode-linux', 'qemu-system-x86']
  const missing = missingPackages('demo').filter((name) => name === engine || !engines.includes(name))
  const reason =
    process.getuid?.() !== 0
      ? 'nodes need root (network namespaces, NFS)'
      : missing.length > 0
        ? `these packages are missing: ${missing.join(', ')}`
        : undefined
  if (reason === undefined) return true
  if (process.env.CI) throw new Error(`Nodes cannot be tested: ${reason}.`)
  console.warn(`Skipped: ${reason}.`)
  return false
}
