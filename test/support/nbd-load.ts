/**
 * A load of NBD requests, as the kernel's driver makes it: each client has `depth` requests of 4 KiB under way, sent in
 * one write, and sends the next ones when all are answered. A program of its own: `node nbd-load.ts JSON`, which prints
 * the operations of each client as JSON.
 */
import { encodeRequest, nbdCommand } from '@walt/shared/nbd-transmission'
import * as v from 'valibot'
import { attachNbd } from './nbd-client.ts'

const blockBytes = 4096
const load = v.object({
  port: v.number(),
  depth: v.number(),
  seconds: v.number(),
  /** The time from one write to the next, where the answers have come by then; 0 is as fast as it goes. */
  everyMs: v.number(),
  /** What part of the requests writes: 0 to 1. */
  writes: v.number(),
  /** Where the blocks of a client begin, and how many there are. */
  clients: v.array(
    v.object({ exportName: v.string(), localAddress: v.string(), offset: v.number(), blocks: v.number() }),
  ),
})
export type NbdLoad = v.InferOutput<typeof load>

async function run({ port, depth, seconds, everyMs, writes, clients }: NbdLoad): Promise<number[]> {
  const operations = clients.map(() => 0)
  const attached = await Promise.all(clients.map((client) => attachNbd({ port, ...client })))
  const end = Date.now() + seconds * 1000
  await Promise.all(
    attached.map(({ socket }, index) => {
      const client = clients[index]
      if (!client) throw new Error('there is a socket for each client')
      // A few batches in turn, made before: this process is not what is measured.
      const batches = Array.from({ length: 16 }, (_, number) => batch(client, depth, writes, number))
      return new Promise<void>((resolve, reject) => {
        let turn = 0
        let missing = 0
        let dueAt = performance.now()
        const next = () => {
          const one = batches[turn % batches.length]
          turn += 1
          if (!one || Date.now() > end) {
            socket.removeAllListeners('close')
            socket.destroy()
            resolve()
            return
          }
          missing = one.replyBytes
          socket.write(one.bytes)
        }
        socket.on('close', () => reject(new Error(`client ${index}: the server hung up`)))
        socket.on('data', (chunk: Buffer) => {
          missing -= chunk.length
          if (missing > 0) return
          operations[index] = (operations[index] ?? 0) + depth
          dueAt += everyMs
          const waitMs = dueAt - performance.now()
          if (waitMs > 0) setTimeout(next, waitMs)
          else next()
        })
        next()
      })
    }),
  )
  return operations
}

function batch(
  client: NbdLoad['clients'][number],
  depth: number,
  writes: number,
  number: number,
): { bytes: Buffer; replyBytes: number } {
  const parts: Buffer[] = []
  let replyBytes = 0
  for (let index = 0; index < depth; index += 1) {
    const isWrite = Math.floor((index + 1) * writes) > Math.floor(index * writes)
    // Spread over all blocks, the same in every run.
    const block = ((number * depth + index) * 7919) % client.blocks
    const request = {
      command: isWrite ? nbdCommand.write : nbdCommand.read,
      flags: 0,
      cookieHigh: 0,
      cookieLow: index,
      offset: client.offset + block * blockBytes,
      length: blockBytes,
    }
    parts.push(encodeRequest(request))
    if (isWrite) parts.push(Buffer.alloc(blockBytes, index))
    replyBytes += 16 + (isWrite ? 0 : blockBytes)
  }
  return { bytes: Buffer.concat(parts), replyBytes }
}

console.log(JSON.stringify(await run(v.parse(load, JSON.parse(process.argv[2] ?? '{}')))))
process.exit()
