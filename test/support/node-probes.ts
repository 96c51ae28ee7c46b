/** What tests ask of a node, the way its users do. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { BootReport } from '@walt/shared/boot-report'
import { controlPort } from '@walt/shared/control'
import { nodeTopics } from '@walt/shared/mqtt-topics'
import type { Reply } from '@walt/shared/payloads'
import { eventually } from './eventually.ts'
import { baseImage, type Platform, serverAddress } from './platform.ts'

export type NodeShown = {
  name: string
  address: string
  state: string
  bootId?: string
  cause?: string
  /** How often user space was restarted in this boot. */
  userSpace?: number
  runningImage?: string
  mode?: string
  bootReport?: BootReport
}

/** A first boot in an emulated machine takes minutes. */
export const bootDeadlineMs = 480_000

export function showNode(platform: Platform, name: string): Promise<NodeShown> {
  return platform.waltJson<NodeShown>('node', 'show', name)
}

/** Creates a node with settings, and waits until it is booted. */
export async function bootNode(
  platform: Platform,
  name: string,
  settings: Record<string, string> = {},
  image: string = baseImage,
): Promise<NodeShown> {
  await createNode(platform, name, settings, image)
  return nextBoot(platform, name, undefined)
}

export async function createNode(
  platform: Platform,
  name: string,
  settings: Record<string, string> = {},
  image: string = baseImage,
): Promise<void> {
  const given = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  const created = await platform.walt('node', 'create', name, '--image', image, ...given)
  if (created.status !== 0) throw new Error(`walt node create ${name}: ${created.stdout}${created.stderr}`)
}

export async function nextBoot(
  platform: Platform,
  name: string,
  after: string | undefined,
): Promise<NodeShown> {
  try {
    return await eventually(`${name} is booted`, bootDeadlineMs, async () => {
      const shown = await showNode(platform, name)
      return (
        shown.state === 'booted' &&
        shown.bootId !== after &&
        shown.bootReport?.bootId === shown.bootId &&
        shown
      )
    })
  } catch (cause) {
    const console = await platform.console(name).catch(() => '(none)')
    throw new Error(`${name} did not boot; the end of its console: ${console.slice(-3_000)}`, { cause })
  }
}

/** Output of a command that must succeed on the node. */
export async function onNode(platform: Platform, name: string, command: string): Promise<string> {
  const result = await platform.onNode(name, command)
  if (result.status !== 0) {
    throw new Error(`on ${name}, "${command}" ended with ${result.status}: ${result.stdout}${result.stderr}`)
  }
  return result.stdout
}

/** One request on port 12346 by a plain socket: the first line of the reply. */
export async function controlRequest(platform: Platform, address: string, request: string): Promise<string> {
  const script = `exec 3<>/dev/tcp/${address}/${controlPort}; printf 'MODE single\\n${request}\\n' >&3; IFS= read -r -t 20 line <&3; printf '%s' "$line"`
  const result = await platform.inside('bash', '-c', script)
  return result.stdout
}

/** Publishes a command as the operator and returns the node's reply; subscribed before it is sent (mosquitto_rr). */
export async function mqttCommand(
  platform: Platform,
  node: string,
  id: string,
  command: object,
): Promise<Reply> {
  const password = (await readFile(path.join(platform.stateFolder, 'run/operator.password'), 'utf8')).trim()
  const access = ['-V', 'mqttv311', '-h', serverAddress, '-u', 'operator', '-P', password]
  const { command: request, reply } = nodeTopics(node)
  const topics = ['-q', '1', '-W', '20', '-t', request(id), '-e', reply(id)]
  const answer = await platform.inside('mosquitto_rr', ...access, ...topics, '-m', JSON.stringify(command))
  if (answer.status !== 0) throw new Error(`no reply to command ${id}: ${answer.stdout}${answer.stderr}`)
  return JSON.parse(answer.stdout)
}
