import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createFakeKernel } from '../linux/fake-kernel.ts'
import { askBootParameters, openBootFile } from './download.ts'

const mac = '52:54:00:12:34:56'
const parameters = {
  kernelArguments: 'root=/dev/nfs ro',
  kernel: `/boot/${mac}/kernel`,
  initrd: `/boot/${mac}/initrd`,
  bootId: '0123456789abcdef',
  image: 'debian12',
  model: 'pc-x86-64',
}
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(answer: RequestListener) {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

const kernel = createFakeKernel({
  createMemoryFile() {
    const folder = mkdtempSync(join(tmpdir(), 'walt-kexec-'))
    const fd = openSync(join(folder, 'file'), 'w+')
    rmSync(folder, { recursive: true })
    return fd
  },
})
const inTime = () => AbortSignal.timeout(10_000)

describe('boot parameters', () => {
  it('are asked for by the MAC address', async () => {
    const source = await serve((request, response) => {
      response.end(JSON.stringify({ ...parameters, image: request.url }))
    })
    expect(await askBootParameters(source, mac)).toMatchObject({ image: `/boot/${mac}/parameters` })
  })

  it('are refused when they are none of ours', async () => {
    for (const wrong of [
      { kernel: 'http://elsewhere.example/kernel' },
      { kernelArguments: 'a\nb' },
      { bootId: 1 },
    ]) {
      const source = await serve((_, response) => response.end(JSON.stringify({ ...parameters, ...wrong })))
      await expect(askBootParameters(source, mac)).rejects.toThrow(/parameters of 127\.0\.0\.1 port/)
    }
    const endless = await serve((_, response) => response.end('x'.repeat(100_000)))
    await expect(askBootParameters(endless, mac)).rejects.toThrow(/more than 65536 bytes/)
  })

  it('are missed with the words of the server, or those of the network', async () => {
    const refusing = await serve((_, response) => response.writeHead(403).end('{"message":"not you"}'))
    await expect(askBootParameters(refusing, mac)).rejects.toThrow(/status 403.*not you/)
    await expect(askBootParameters({ host: '127.0.0.1', port: 1 }, mac)).rejects.toThrow(/ECONNREFUSED/)
  })
})

describe('a boot file', () => {
  it('comes whole, into memory', async () => {
    const content = Buffer.alloc(300_000, 'kernel')
    const source = await serve((_, response) => {
      response.writeHead(200, { 'content-length': content.length })
      response.write(content.subarray(0, 1_000))
      setTimeout(() => response.end(content.subarray(1_000)), 20)
    })
    const file = await openBootFile(kernel, source, parameters.kernel, inTime())
    expect(file.bytes).toBe(content.length)
    const progress: number[] = []
    const fd = await file.fetch((bytes) => progress.push(bytes))
    expect(readFileSync(`/proc/self/fd/${fd}`).equals(content)).toBe(true)
    closeSync(fd)
    expect(progress.at(-1)).toBe(content.length)
  })

  it('is refused when it is cut off, late, without a length or too long', async () => {
    const cut = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 1_000 }).write('half')
      setTimeout(() => response.destroy(), 20)
    })
    const file = await openBootFile(kernel, cut, '/boot/a/kernel', inTime())
    await expect(file.fetch(() => undefined)).rejects.toThrow(/\/boot\/a\/kernel of 127\.0\.0\.1.*aborted/)

    const slow = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 1_000 }).write('half')
    })
    const late = await openBootFile(kernel, slow, '/boot/a/kernel', AbortSignal.timeout(300))
    await expect(late.fetch(() => undefined)).rejects.toThrow(/did not come in time/)

    for (const length of [undefined, 300 * 1024 ** 2]) {
      const source = await serve((_, response) => {
        response.writeHead(200, length === undefined ? {} : { 'content-length': length }).write('x')
      })
      const opened = openBootFile(kernel, source, '/boot/a/kernel', inTime())
      await expect(opened).rejects.toThrow(/out of bounds/)
    }
  })
})
