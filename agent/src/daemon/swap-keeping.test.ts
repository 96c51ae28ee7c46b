import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  encodeExportInfo,
  encodeGreeting,
  encodeOptionReply,
  nbdFlag,
  nbdOption,
  nbdReply,
  swapGoneMessage,
} from '@walt/shared/nbd'
import {
  decodeRequest,
  encodeSimpleReply,
  nbdError,
  nbdSimpleReplyBytes,
} from '@walt/shared/nbd-transmission'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLibcKernel } from '../linux/libc-kernel.ts'
import { encodeGenericMessage } from '../linux/netlink.ts'
import { startSwapKeeping } from './swap-keeping.ts'

type Answer = 'accepts' | 'says that the bytes are gone' | 'refuses' | 'is silent' | 'has lost its disk'

/** An NBD server as far as its handshake and a first request, on a real socket. */
function createNbdServer(answer: () => Answer) {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => socket.destroy())
    if (answer() === 'is silent') return
    socket.write(encodeGreeting())
    socket.once('data', () => {
      const error = (type: number, text: string) =>
        socket.write(encodeOptionReply(nbdOption.go, type, Buffer.from(text)))
      if (answer() === 'says that the bytes are gone') return error(nbdReply.errUnknown, swapGoneMessage)
      if (answer() === 'refuses') return error(nbdReply.errPolicy, 'not yet')
      const info = encodeExportInfo({ sizeBytes: 2 ** 30, flags: nbdFlag.hasFlags })
      socket.write(encodeOptionReply(nbdOption.go, nbdReply.info, info))
      socket.write(encodeOptionReply(nbdOption.go, nbdReply.ack))
      return socket.once('data', (request) => {
        const { length, ...read } = decodeRequest(Buffer.from(request), 0)
        const reply = Buffer.alloc(nbdSimpleReplyBytes + length)
        encodeSimpleReply(
          reply,
          0,
          read,
          answer() === 'has lost its disk' ? nbdError.inputOutput : nbdError.none,
        )
        socket.write(reply)
      })
    })
  })
  return { server, sockets }
}

const familyAnswer = encodeGenericMessage({
  ...{ family: 0x10, command: 1, version: 2 },
  attributes: [{ type: 1, value: Uint8Array.from([0x22, 0]) }],
})
const accepted = Buffer.alloc(36)
accepted.writeUInt32LE(36, 0)
accepted.writeUInt16LE(2, 4)

describe('keeping the swap connected to a real server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'swap-keeping-'))
  const files = { inFlightPath: join(folder, 'inflight'), kernelLogPath: join(folder, 'kmsg') }
  let answer: Answer
  let nbd: ReturnType<typeof createNbdServer>
  let said: string[]
  let reboots: string[]
  let offers: number
  let stop = () => {}

  function keep(port: number): void {
    const kernel = {
      ...createLibcKernel(),
      genericNetlink: ({ message }: { message: Uint8Array }) => {
        if (message[4] !== 0x22) return familyAnswer
        offers += 1
        return accepted
      },
    }
    const keeping = startSwapKeeping({
      kernel,
      peer: { address: '127.0.0.1', port, exportName: 'reattach-swap-1G' },
      ...files,
      nowMs: () => performance.now(),
      random: () => 0,
      say: (_, message) => void said.push(message),
      reboot: (cause) => void reboots.push(cause),
    })
    stop = keeping.stop
  }

  async function listen(port = 0): Promise<number> {
    nbd = createNbdServer(() => answer)
    await new Promise<void>((resolve) => nbd.server.listen(port, '127.0.0.1', resolve))
    const address = nbd.server.address()
    return typeof address === 'object' && address ? address.port : 0
  }

  function endServer(): Promise<unknown> {
    for (const socket of nbd.sockets) socket.resetAndDestroy()
    return new Promise((resolve) => nbd.server.close(resolve))
  }

  beforeEach(() => {
    writeFileSync(files.inFlightPath, '       0        0\n')
    writeFileSync(files.kernelLogPath, '')
    answer = 'accepts'
    said = []
    reboots = []
    offers = 0
  })
  afterEach(async () => {
    stop()
    await endServer()
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('takes over silently, and comes back after the server was away', async () => {
    const port = await listen()
    keep(port)
    await expect.poll(() => offers).toBeGreaterThan(0)
    expect(said).toEqual([])
    await endServer()
    await expect.poll(() => said[0]).toBe('swap lost: the connection was closed')
    const before = offers
    await listen(port)
    await expect.poll(() => said[1]).toMatch(/^swap is back after \d+\.\d s$/)
    expect(offers).toBeGreaterThan(before)
    expect(said).toHaveLength(2)
    expect(reboots).toEqual([])
  })

  it('goes on trying while the server refuses, and says so once', async () => {
    answer = 'refuses'
    keep(await listen())
    await expect.poll(() => nbd.sockets.length).toBeGreaterThan(2)
    expect(said).toHaveLength(1)
    expect(said[0]).toMatch(/^swap lost: .*not yet/)
    answer = 'accepts'
    await expect.poll(() => said[1]).toMatch(/^swap is back/)
  })

  it('gives up a server that says nothing, and tries again', async () => {
    answer = 'is silent'
    keep(await listen())
    await expect.poll(() => said[0]).toMatch(/^swap lost: .*no answer within/)
    answer = 'accepts'
    await expect.poll(() => said[1]).toMatch(/^swap is back/)
  })

  it('takes no server that does not read', async () => {
    answer = 'has lost its disk'
    keep(await listen())
    await expect.poll(() => said[0]).toMatch(/^swap lost: .*the first read fails/)
    expect(offers).toBe(0)
  })

  it('reboots when the bytes are gone', async () => {
    answer = 'says that the bytes are gone'
    keep(await listen())
    await expect.poll(() => reboots[0]).toContain(swapGoneMessage)
  })

  it('reboots when the kernel could not read swap', async () => {
    writeFileSync(files.kernelLogPath, '1,2,3;Read-error on swap-device (43:0:8)\n')
    keep(await listen())
    await expect.poll(() => reboots[0]).toMatch(/bytes are lost/)
  })
})
