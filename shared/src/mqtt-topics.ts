/**
 * MQTT 3.1.1 topics. A node may publish and subscribe under its own name only (see server/src/broker).
 * Names have no `/`, `+` or `#` (node-names.ts), so a topic can be built and taken apart by splitting.
 */
const root = 'walt/v1/nodes'

export const nodeTopics = (node: string) => ({
  /** Retained, and the node's last will. */
  state: `${root}/${node}/state`,
  /** Retained: the boot report. */
  boot: `${root}/${node}/boot`,
  /** Retained. */
  inventory: `${root}/${node}/inventory`,
  telemetry: `${root}/${node}/telemetry`,
  log: `${root}/${node}/log`,
  /** What programs on the node wrote to the log. */
  lines: `${root}/${node}/lines`,
  commands: `${root}/${node}/command/+`,
  command: (id: string) => `${root}/${node}/command/${id}`,
  reply: (id: string) => `${root}/${node}/reply/${id}`,
})

export const nodeTopicKinds = [
  'state',
  'boot',
  'inventory',
  'telemetry',
  'log',
  'lines',
  'command',
  'reply',
] as const
export type NodeTopicKind = (typeof nodeTopicKinds)[number]

export type NodeTopic = { node: string; kind: NodeTopicKind; id?: string }

/** The parts of a node's topic, or undefined for any other topic or filter. */
export function parseNodeTopic(topic: string): NodeTopic | undefined {
  const parts = topic.split('/')
  if (parts.length < 5 || parts.length > 6 || parts.slice(0, 3).join('/') !== root) return undefined
  if (/[+#]/.test(topic)) return undefined
  const [node, kindText, id] = parts.slice(3)
  const kind = nodeTopicKinds.find((one) => one === kindText)
  if (!node || !kind) return undefined
  const hasId = kind === 'command' || kind === 'reply'
  if (hasId !== (id !== undefined) || id === '') return undefined
  return id === undefined ? { node, kind } : { node, kind, id }
}

/** An operator asks the server for a reboot of a node set; the server answers with each node's result. */
const setRoot = 'walt/v1/sets'

export const setTopics = (set: string) => ({
  reboot: `${setRoot}/${set}/reboot`,
  rebooted: `${setRoot}/${set}/rebooted`,
})

/** The node set of a reboot topic, or undefined for any other topic. */
export function parseSetRebootTopic(topic: string): string | undefined {
  const parts = topic.split('/')
  const set = parts[3]
  if (parts.length !== 5 || !set || topic !== setTopics(set).reboot) return undefined
  return set
}

/** Each alert, when it begins, becomes worse, or is over. */
export const alertTopic = 'walt/v1/alerts'
