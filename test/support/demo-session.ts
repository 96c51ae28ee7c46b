/** The session of WalT's article on network boot: files in RAM, swap over the network, and what a reboot keeps. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { nodeTopics } from '@walt/shared/mqtt-topics'
import { eventually } from './eventually.ts'
import { type Platform, serverAddress } from './platform.ts'
import type { Stage } from './stage.ts'

type NodeShown = { bootId?: string; state: string }

export async function playSession(stage: Stage, platform: Platform, node: string): Promise<void> {
  const run = (command: string) => stage.onNode(platform, node, command)

  await stage.part('Files are made in RAM; swap over the network makes room', async () => {
    const free = await run('free --mega -h')
    stage.expect(/Swap:\s+1[67]/.test(free.stdout), '16 GB of swap')
    const before = await run('df -h /')
    stage.expect(/union\s+8\.0G/.test(before.stdout), 'the root is "union", 8.0G')
    for (const command of [
      'dd if=/dev/urandom of=file_100M bs=1M count=100',
      'cp file_100M file_100M_2',
      'cp file_100M file_100M_3',
    ]) {
      const made = await run(command)
      stage.expect(made.status === 0, 'it fits')
    }
    await run('df -h /')
    await run('free --mega -h')
  })

  await stage.part('A file outside of /persist, and one inside', async () => {
    await run('echo volatile > /root/outside; echo kept > /persist/inside; ls /root/outside /persist/inside')
  })

  await stage.part('Reboot by walt: exactly the same system again', async () => {
    const old = await shown(platform, node)
    await stage.walt(platform, 'node', 'reboot', node)
    await nextBoot(platform, node, old.bootId)
    await whatSurvived(stage, platform, node)
  })

  await stage.part('Reboot by MQTT', async () => {
    await run('echo volatile > /root/outside; ls /root/outside')
    const old = await shown(platform, node)
    await rebootByMqtt(stage, platform, node, old.bootId ?? '')
    await nextBoot(platform, node, old.bootId)
    await whatSurvived(stage, platform, node)
  })
}

async function rebootByMqtt(stage: Stage, platform: Platform, node: string, bootId: string): Promise<void> {
  const password = (await readFile(path.join(platform.stateFolder, 'run/operator.password'), 'utf8')).trim()
  const topic = nodeTopics(node).command('demo')
  const command = JSON.stringify({
    command: 'reboot',
    bootId,
    deadline: Date.now() + 15_000,
    requestedBy: 'demo',
  })
  const access = ['-h', serverAddress, '-u', 'operator', '-P', password]
  const result = await platform.inside('mosquitto_pub', ...access, '-q', '1', '-t', topic, '-m', command)
  stage.show(
    `$ mosquitto_pub -h ${serverAddress} -u operator -P ... -q 1 -t ${topic} -m '${command}'`,
    result,
  )
  stage.expect(result.status === 0, 'the broker took the command')
}

async function shown(platform: Platform, node: string): Promise<NodeShown> {
  return platform.waltJson<NodeShown>('node', 'show', node)
}

async function nextBoot(platform: Platform, node: string, oldBootId: string | undefined): Promise<void> {
  await eventually(`${node} is booted again`, 600_000, async () => {
    const now = await shown(platform, node)
    return now.state === 'booted' && now.bootId !== oldBootId
  })
}

async function whatSurvived(stage: Stage, platform: Platform, node: string): Promise<void> {
  const result = await stage.onNode(platform, node, 'ls /root/outside /persist/inside')
  stage.expect(result.stdout.includes('/persist/inside'), 'the file in /persist is still there')
  stage.expect(!result.stdout.includes('/root/outside'), 'the file outside is gone')
}
