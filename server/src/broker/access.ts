/** Who may publish and read what. Pure. A node has its own topics only; operators have those of commands, and read all. */
import { type NodeTopicKind, nodeTopics, parseNodeTopic, parseSetRebootTopic } from '@walt/shared/mqtt-topics'

export type Principal = { kind: 'node'; name: string; bootId: string } | { kind: 'operator' }

const retainedKinds: readonly NodeTopicKind[] = ['state', 'boot', 'inventory']

export function mayPublish(principal: Principal, topic: string, retain: boolean): boolean {
  const parsed = parseNodeTopic(topic)
  if (principal.kind === 'node') {
    if (!parsed || parsed.node !== principal.name || parsed.kind === 'command') return false
    return !retain || retainedKinds.includes(parsed.kind)
  }
  // A retained command would be given to every later boot.
  if (retain) return false
  return parsed?.kind === 'command' || parseSetRebootTopic(topic) !== undefined
}

/** Whether something may be retained that a filter asks for: a broker looks through all that is, for each subscription. */
export function mayBeRetained(filter: string): boolean {
  const [root, version, scope, node, kind] = filter.split('/')
  const oneNodes = root === 'walt' && version === 'v1' && scope === 'nodes' && node !== '#'
  return !(oneNodes && kind === 'command')
}

export function maySubscribe(principal: Principal, filter: string): boolean {
  if (principal.kind === 'operator') return filter.startsWith('walt/v1/')
  if (filter === nodeTopics(principal.name).commands) return true
  const parsed = parseNodeTopic(filter)
  return parsed?.kind === 'command' && parsed.node === principal.name && !/[+#]/.test(filter)
}
