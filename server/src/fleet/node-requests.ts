/** Commands to nodes by MQTT, each with the reply that belongs to it. */
import { WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { nodeTopics } from '@walt/shared/mqtt-topics'
import type { Command, NodeChanges, Reply } from '@walt/shared/payloads'

export type NodeRequests = {
  /** What differs from the image on the node. @throws WaltError `node-silent`, `node-refused` */
  changesOf(node: string): Promise<NodeChanges>
  /** Of user space alone. A silent node is a refusal. */
  restartUserSpace(node: string, requestedBy: string): Promise<Reply>
  /** A reply that came in; one that nobody waits for any more is dropped. */
  receive(node: string, id: string, reply: Reply): void
}

const silence = 'node-silent'

export function createNodeRequests(options: {
  publish: (topic: string, payload: string) => void
  currentBootId: (node: string) => string | undefined
  /** How often user space was restarted in that boot. */
  userSpace: (node: string) => number
  now: () => number
  randomId: () => string
}): NodeRequests {
  const { publish, currentBootId, userSpace, now, randomId } = options
  const waiting = new Map<string, (reply: Reply) => void>()
  const silent = (message: string): Reply => ({ ok: false, code: silence, message })

  async function ask(node: string, command: Pick<Command, 'command' | 'requestedBy'>): Promise<Reply> {
    const bootId = currentBootId(node)
    if (bootId === undefined) return silent('it has not booted yet')
    if (waiting.size >= limits.nodeRequestsMax) return silent('too many requests wait for nodes already')
    const id = randomId()
    const key = `${node}/${id}`
    let timer: NodeJS.Timeout | undefined
    const reply = new Promise<Reply>((resolve) => {
      waiting.set(key, resolve)
      const late = silent(`no answer by MQTT within ${limits.nodeReplyMs / 1000} s`)
      timer = setTimeout(() => resolve(late), limits.nodeReplyMs)
    })
    const count = userSpace(node)
    const asked: Command = {
      ...command,
      bootId,
      ...(count > 0 && { userSpace: count }),
      deadline: now() + limits.nodeReplyMs,
    }
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
      const { ok, changes, code, message = 'it gave no list' } = await ask(node, { command: 'changes' })
      if (ok && changes) return changes
      throw new WaltError(code === silence ? silence : 'node-refused', `${node}: ${message}`)
    },
    restartUserSpace: (node, requestedBy) => ask(node, { command: 'userspace-reboot', requestedBy }),
    receive: (node, id, reply) => waiting.get(`${node}/${id}`)?.(reply),
  }
}
