import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { Kernel } from '../linux/kernel.ts'

/** Pure: the time of an HTTP answer's Date header (RFC 9110, 6.6.1), once the head holds one whole. */
export function dateOfHttpHead(head: string): number | undefined {
  const date = /^date:\s*(.+?)\s*\r?\n/im.exec(head)?.[1]
  const epochMs = date === undefined ? Number.NaN : Date.parse(date)
  // A Date header has whole seconds, so that on average half of one has passed.
  return Number.isNaN(epochMs) ? undefined : epochMs + 500
}

/**
 * The server's own HTTP port tells the time: a second is exact enough for a boot, and a node whose clock stands in 1970
 * needs no more than that for certificates, logs and file times. The image may run a time service afterwards.
 */
export function setClockFromServer(
  kernel: Pick<Kernel, 'connectTcp' | 'send' | 'receive' | 'closeDescriptor' | 'setClock'>,
  server: { address: string; port: number; withinMs: number },
): string {
  const { address, port } = server
  const deadline = performance.now() + server.withinMs
  const left = () => deadline - performance.now()
  const fd = kernel.connectTcp({ address, port, withinMs: left() })
  try {
    const request = Buffer.from(`HEAD / HTTP/1.1\r\nHost: ${address}:${port}\r\nConnection: close\r\n\r\n`)
    kernel.send({ fd, bytes: request, withinMs: left() })
    let head = ''
    while (head.length < limits.bootClockAnswerMaxBytes) {
      const bytes = kernel.receive({ fd, maxBytes: limits.bootClockAnswerMaxBytes, withinMs: left() })
      head += Buffer.from(bytes).toString('latin1')
      const epochMs = dateOfHttpHead(head)
      if (epochMs !== undefined) {
        kernel.setClock({ epochMs })
        return `clock ${new Date(epochMs).toISOString()}`
      }
      if (bytes.length === 0) break
    }
    throw new WaltError('clock-unknown', `${address} port ${port} answers without a Date header`)
  } finally {
    kernel.closeDescriptor(fd)
  }
}
