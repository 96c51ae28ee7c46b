import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFakeKernel } from '../linux/fake-kernel.ts'
import { createLibcKernel } from '../linux/libc-kernel.ts'
import { type KexecOptions, runKexec } from './main.ts'

const mac = '52:54:00:12:34:56'
let folder = ''
const asked: string[] = []
const server = createServer((request, response) => {
  const path = request.url ?? ''
  asked.push(path)
  if (path.endsWith('/parameters')) response.end(JSON.stringify(parameters))
  else response.end(`the ${path.split('/').at(-1)}`)
})
const parameters = {
  kernelArguments: 'root=/dev/nfs walt.boot.id=0123456789abcdef',
  kernel: `/boot/${mac}/kernel`,
  initrd: `/boot/${mac}/initrd`,
  bootId: '0123456789abcdef',
  image: 'other',
  model: 'pc-x86-64',
}
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'walt-kexec-'))
  asked.length = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  rmSync(folder, { recursive: true })
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

async function kexec(given: { persist?: boolean; commandLine?: string; memoryKib?: number } = {}) {
  const { port } = server.address() as AddressInfo
  const events: string[] = []
  const place = (name: string, content: string) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const report = {
    ...{ version: 1, agentVersion: '0', mode: 'network', virtual: false, kernelUptimeMs: 1, totalMs: 1 },
    ...{
      swapBytes: 0,
      zswap: false,
      persist: given.persist ?? true,
      steps: [],
      problems: [],
      commandLine: '',
    },
  }
  const words = `walt.server.ip=127.0.0.1 walt.http.port=${port} walt.node.mac=${mac} walt.node.model=pc-x86-64`
  const options: KexecOptions = {
    environment: { WALT_KEXEC_ALLOW: '1' },
    say: (line) => events.push(line),
    kernel: createFakeKernel({
      // Descriptors are the real kernel's; what is loaded is not.
      createMemoryFile: createLibcKernel().createMemoryFile,
      loadKernel({ kernelFd, initrdFd, commandLine }) {
        const [kernel, initrd] = [kernelFd, initrdFd].map((fd) => readFileSync(`/proc/self/fd/${fd}`, 'utf8'))
        events.push(`load ${kernel}, ${initrd}, ${commandLine}`)
      },
      async syncFileSystem({ path }) {
        events.push(`flush ${path}`)
      },
      reboot({ action }) {
        events.push(action)
      },
    }),
    places: {
      bootReport: place('boot.json', JSON.stringify(report)),
      commandLine: place('cmdline', `${words} console=ttyS0 ${given.commandLine ?? ''}`),
      memory: place('meminfo', `MemTotal: 1 kB\nMemAvailable:   ${given.memoryKib ?? 100_000} kB\n`),
      kexecLoaded: place('kexec_loaded', '0\n'),
    },
  }
  const failure = await runKexec(options).catch((thrown: Error) => thrown.message)
  return { events, failure }
}

describe('walt-agent kexec', () => {
  it('asks the server, loads what it says, flushes /persist, and starts it', async () => {
    const { events } = await kexec()
    expect(asked).toEqual([`/boot/${mac}/parameters`, `/boot/${mac}/kernel`, `/boot/${mac}/initrd`])
    expect(events).toEqual([
      'next: the image other, boot 0123456789abcdef',
      'kernel and initrd are here, 20 B',
      'load the kernel, the initrd, root=/dev/nfs walt.boot.id=0123456789abcdef console=ttyS0',
      'kernel and initrd are loaded',
      'flush /persist',
      'starting the new kernel',
      'kexec',
    ])
  })

  it('begins no boot where it may not', async () => {
    const { failure, events } = await kexec({ commandLine: 'walt.kexec=0' })
    expect(failure).toMatch(/not allowed on this node/)
    expect([asked, events]).toEqual([[], []])
  })

  it('takes no kernel for another machine, and none that does not fit', async () => {
    const other = await kexec({ commandLine: 'walt.node.model=rpi-4-b' })
    expect(other.failure).toMatch(/a kernel for pc-x86-64, and this is rpi-4-b/)
    const full = await kexec({ memoryKib: 0 })
    expect(full.failure).toMatch(/60 B of memory, and 0 B are free/)
    expect([...other.events, ...full.events].filter((event) => event.startsWith('load'))).toEqual([])
  })
})
