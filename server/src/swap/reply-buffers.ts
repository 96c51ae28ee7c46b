import { limits } from '@walt/shared/limits'

/** Reply buffers for all connections of a server: taken while a chunk is answered, given back when the kernel has them. */
export type ReplyBuffers = { take: () => Buffer; give: (buffer: Buffer) => void }

export function createReplyBuffers(): ReplyBuffers {
  const free: Buffer[] = []
  return {
    take: () => free.pop() ?? Buffer.allocUnsafeSlow(limits.swapReplyBufferBytes),
    give(buffer) {
      if (free.length < limits.swapUnsentBuffersMax) free.push(buffer)
    },
  }
}
