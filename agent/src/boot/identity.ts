import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Kernel } from '../linux/kernel.ts'

/** Pure: /etc/hosts of the image with this node's own name on 127.0.1.1, as Debian has it. */
export function hostsWithName(hosts: string, nodeName: string): string {
  const kept = hosts.split('\n').filter((line) => line.trim() !== '' && !/^\s*127\.0\.1\.1\s/.test(line))
  if (!kept.some((line) => /^\s*127\.0\.0\.1\s/.test(line))) kept.unshift('127.0.0.1\tlocalhost')
  return `${[...kept, `127.0.1.1\t${nodeName}`].join('\n')}\n`
}

/** Replaced, not written through: in an image it may be a link to anywhere. */
function replaceFile(path: string, text: string): void {
  rmSync(path, { force: true })
  writeFileSync(path, text)
}

export function takeIdentity(kernel: Pick<Kernel, 'setHostname'>, union: string, nodeName: string): string {
  kernel.setHostname({ name: nodeName })
  const hosts = `${union}/etc/hosts`
  replaceFile(`${union}/etc/hostname`, `${nodeName}\n`)
  replaceFile(hosts, hostsWithName(existsSync(hosts) ? readFileSync(hosts, 'utf8') : '', nodeName))
  return `node ${nodeName}`
}
