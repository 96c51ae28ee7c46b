/** What the server has to give, by HTTP: bounded in time and size, since a node's reboot hangs on it. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { type BootParametersView, bootParametersView } from '@walt/shared/boot-parameters'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { parsePayload } from '@walt/shared/payloads'
import type { Kernel } from '../linux/kernel.ts'

export type BootSource = { host: string; port: number }
type Asked = { path: string; signal: AbortSignal }

function open(source: BootSource, { path, signal }: Asked): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ host: source.host, port: source.port, path, signal, agent: false }, resolve).on('error', reject)
  })
}

async function* bounded(answer: IncomingMessage, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`)
    yield chunk
  }
}

async function wholeText(answer: IncomingMessage, maxBytes: number): Promise<string> {
  let text = ''
  for await (const chunk of bounded(answer, maxBytes)) text += chunk.toString('utf8')
  return text
}

/** Whatever goes wrong is said with the address of what was asked for. */
async function asking<T>(source: BootSource, { path, signal }: Asked, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const reason = signal.aborted ? 'it did not come in time' : reasonOf(cause)
    const message = `${path} of ${source.host} port ${source.port}: ${reason}`
    throw new WaltError('download-failed', message, { cause })
  }
}

async function mustBeGood(answer: IncomingMessage): Promise<void> {
  if (answer.statusCode === 200) return
  const said = await wholeText(answer, limits.kexecParametersMaxBytes)
  throw new Error(`status ${answer.statusCode}, ${said.replace(/\s+/g, ' ').slice(0, 300)}`)
}

/** Asking begins a boot of this node: what it was told for the boot before is void from here on. */
export function askBootParameters(source: BootSource, mac: string): Promise<BootParametersView> {
  const asked = { path: `/boot/${mac}/parameters`, signal: AbortSignal.timeout(limits.kexecParametersMs) }
  return asking(source, asked, async () => {
    const answer = await open(source, asked)
    await mustBeGood(answer)
    return parsePayload(bootParametersView, await wholeText(answer, limits.kexecParametersMaxBytes))
  })
}

export type BootFile = {
  /** From the answer's head, so that it is known whether there is room before anything comes. */
  bytes: number
  /** To a file in memory, open for reading only. */
  fetch(onProgress: (bytes: number) => void): Promise<number>
}

export function openBootFile(
  kernel: Pick<Kernel, 'createMemoryFile'>,
  source: BootSource,
  path: string,
  signal: AbortSignal,
): Promise<BootFile> {
  const asked = { path, signal }
  return asking(source, asked, async () => {
    const answer = await open(source, asked)
    await mustBeGood(answer)
    // Whoever reads it is told as well; one that nobody came to read must not end the process.
    answer.on('error', () => undefined)
    const bytes = Number(answer.headers['content-length'])
    if (!Number.isSafeInteger(bytes) || bytes < 1 || bytes > limits.kexecFileMaxBytes) {
      throw new Error(`a length of ${answer.headers['content-length']} bytes is out of bounds`)
    }
    return {
      bytes,
      fetch: (onProgress) =>
        asking(source, asked, () => intoMemory(kernel, path, { answer, bytes, onProgress })),
    }
  })
}

async function intoMemory(
  kernel: Pick<Kernel, 'createMemoryFile'>,
  name: string,
  {
    answer,
    bytes,
    onProgress,
  }: { answer: IncomingMessage; bytes: number; onProgress: (bytes: number) => void },
): Promise<number> {
  const file = kernel.createMemoryFile({ name })
  try {
    let written = 0
    for await (const chunk of bounded(answer, bytes)) {
      for (let from = 0; from < chunk.length; ) from += writeSync(file, chunk, from)
      written += chunk.length
      onProgress(written)
    }
    if (written !== bytes) throw new Error(`${written} of ${bytes} bytes came`)
    // kexec_file_load(2) refuses what anybody may still write to.
    return openSync(`/proc/self/fd/${file}`, 'r')
  } finally {
    closeSync(file)
  }
}
