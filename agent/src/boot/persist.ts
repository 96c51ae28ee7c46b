import { mkdirSync } from 'node:fs'
import type { NfsShare } from '@walt/shared/kernel-command-line'
import type { Kernel } from '../linux/kernel.ts'

/** Pure: the options that mount.nfs would work out, as nfs(5) names them; the kernel asks for addr= itself. */
export function nfsMountData(share: NfsShare): string {
  const { server } = share
  return `vers=3,nolock,proto=tcp,mountproto=tcp,addr=${server},mountaddr=${server}`
}

export async function mountPersist(
  kernel: Pick<Kernel, 'mountWithin'>,
  mount: { share: NfsShare; target: string; withinMs: number },
): Promise<string> {
  const { share, target, withinMs } = mount
  mkdirSync(target, { recursive: true })
  const source = `${share.server}:${share.path}`
  const data = nfsMountData(share)
  await kernel.mountWithin({ source, target, type: 'nfs', flags: ['relative-access-time'], data, withinMs })
  return `persist ${source} on /persist`
}
