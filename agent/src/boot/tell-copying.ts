/** Tells the server that the node gets on with its boot, though nothing else speaks for it yet. */
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Kernel } from '../linux/kernel.ts'

/** Where the server is told, and of which boot. */
export type CopyingPlace = { server: string; port: number; mac: string; bootId: string }

/** Pure: the request (RFC 9112). */
export function copyingRequest({ server, port, mac, bootId }: CopyingPlace): string {
  const lines = [
    `POST /boot/${mac}/copying?boot=${bootId} HTTP/1.1`,
    `Host: ${server}:${port}`,
    'Content-Length: 0',
    'Connection: close',
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** @throws WaltError, soon in any case: a server that is away holds nothing up */
export function tellCopying(
  kernel: Pick<Kernel, 'connectTcp' | 'send' | 'receive' | 'closeDescriptor'>,
  place: CopyingPlace,
): void {
  const withinMs = limits.hybridTellMs
  const fd = kernel.connectTcp({ address: place.server, port: place.port, withinMs })
  try {
    kernel.send({ fd, bytes: Buffer.from(copyingRequest(place)), withinMs })
    const answer = Buffer.from(kernel.receive({ fd, maxBytes: limits.bootClockAnswerMaxBytes, withinMs }))
    const status = answer.toString('latin1').split('\r\n')[0] ?? ''
    if (!/^HTTP\/1\.1 2/.test(status)) throw new WaltError('not-told', `the server answers "${status}"`)
  } finally {
    kernel.closeDescriptor(fd)
  }
}
