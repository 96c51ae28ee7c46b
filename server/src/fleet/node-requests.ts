/** Commands to nodes by MQTT, each with the reply that belongs to it. */
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { nodeTopics } from '@walt/shared/mqtt-topics'
import type { Command, NodeChanges, Reply } from '@walt/shared/payloads'

export type NodeRequests = {
  /** What differs from the image on the node. @throws WaltError `node-silent`, `node-refused` */
  changesOf(node: string): Promise<NodeChanges>
  /** A reply that came in; one that nobody waits for any more is dropped. */
  receive(node: string, id: string, reply: Reply): void
}

export function createNodeRequests(options: {
  publish: (topic: string, payload: string) => void
  currentBootId: (node: string) => string | undefined
  now: () => number
  randomId: () => string
}): NodeRequests {
  const { publish, currentBootId, now, randomId } = options
  const waiting = new Map<string, (reply: Reply) => void>()
  const silent = (node: string, why: string) => new WaltError('node-silent', `${node}: ${why}`)

  async function ask(node: string, command: Command['command']): Promise<Reply> {
    const bootId = currentBootId(node)
    if (bootId === undefined) throw silent(node, 'it has not booted yet')
    if (waiting.size >= limits.nodeRequestsMax) throw silent(node, 'too many requests wait for nodes already')
    const id = randomId()
    const key = `${node}/${id}`
    let timer: NodeJS.Timeout | undefined
    const reply = new Promise<Reply>((resolve, reject) => {
      waiting.set(key, resolve)
      const late = silent(node, `no answer by MQTT within ${limits.nodeReplyMs / 1000} s`)
      timer = setTimeout(() => reject(late), limits.nodeReplyMs)
    })
    const asked: Command = { command, bootId, deadline: now() + limits.nodeReplyMs }
    publish(nodeTopics(node).command(id), JSON.stringify(asked))
    try {
      return await reply
    } finally {
      clearTimeout(timer)
      waiting.delete(key)
    }
  }

  return {
    async changesOf(node) {
      const { ok, changes, message = 'it gave no list' } = await ask(node, 'changes')
      if (ok && changes) return changes
      throw new WaltError('node-refused', `${node}: ${message}`)
    },
    receive: (node, id, reply) => waiting.get(`${node}/${id}`)?.(reply),
  }
}
