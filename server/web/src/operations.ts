/**
 * What a person asked of nodes, and how far each of them is. The server answers that a reboot was acknowledged; that it
 * happened is seen in the states that follow. Pure: operation and news in, operation out.
 */
import type { FleetEventView, NodeView } from '../../src/http/api-schema.ts'

export type OperationKind =
  | 'reboot'
  | 'hard-reboot'
  | 'userspace-reboot'
  | 'boot'
  | 'blink'
  | 'unblink'
  | 'wait'

export type StepName = 'asked' | 'acknowledged' | 'going-down' | 'booting' | 'done' | 'failed' | 'not-needed'

export type NodeStep = {
  step: StepName
  /** In the server's words, or why it failed. */
  message: string
  /** What ran when it was asked: the node is back when it is booted with another boot, or another user space. */
  life: string
  endedAt?: number
}

export type Operation = {
  id: number
  kind: OperationKind
  title: string
  startedAt: number
  nodes: ReadonlyMap<string, NodeStep>
}

export type NodeAnswer = { node: string; ok: boolean; message: string; method?: string | undefined }

const reboots: ReadonlySet<OperationKind> = new Set(['reboot', 'hard-reboot', 'userspace-reboot', 'boot'])
const endings: ReadonlySet<StepName> = new Set(['done', 'failed', 'not-needed'])

export function newOperation(
  id: number,
  kind: OperationKind,
  title: string,
  nodes: readonly NodeView[],
  now: number,
): Operation {
  const steps = nodes.map((node): [string, NodeStep] => {
    const asked: NodeStep = { step: 'asked', message: 'asked', life: lifeOf(node) }
    return [node.name, kind === 'wait' ? waited(asked, node, now) : asked]
  })
  return { id, kind, title, startedAt: now, nodes: new Map(steps) }
}

/** The server's answer for some of its nodes. */
export function withAnswers(operation: Operation, answers: readonly NodeAnswer[], now: number): Operation {
  return changed(
    operation,
    answers,
    ({ node }) => node,
    (step, answer) => {
      if (endings.has(step.step)) return step
      if (!answer.ok) return ended(step, 'failed', answer.message, now)
      if (!reboots.has(operation.kind)) return ended(step, 'done', answer.message, now)
      if (answer.method === undefined) return ended(step, 'not-needed', answer.message, now)
      // News of the node may have come before the answer.
      return step.step === 'asked' ? { ...step, step: 'acknowledged', message: answer.message } : step
    },
  )
}

/** No answer came for the nodes that have none yet. */
export function withFailure(
  operation: Operation,
  names: readonly string[],
  reason: string,
  now: number,
): Operation {
  return changed(
    operation,
    names,
    (name) => name,
    (step) => (step.step === 'asked' ? ended(step, 'failed', reason, now) : step),
  )
}

export function withNews(operation: Operation, events: readonly FleetEventView[], now: number): Operation {
  return changed(
    operation,
    events,
    ({ node }) => node,
    (step, { view }) => {
      if (endings.has(step.step)) return step
      if (!view) return ended(step, 'failed', 'it was removed', now)
      if (operation.kind === 'wait') return waited(step, view, now)
      return reboots.has(operation.kind) ? rebooted(step, view, now) : step
    },
  )
}

export function isOver(operation: Operation): boolean {
  return [...operation.nodes.values()].every(({ step }) => endings.has(step))
}

export function countSteps(operation: Operation): { total: number; ended: number; failed: number } {
  const steps = [...operation.nodes.values()]
  return {
    total: steps.length,
    ended: steps.filter(({ step }) => endings.has(step)).length,
    failed: steps.filter(({ step }) => step === 'failed').length,
  }
}

const lifeOf = ({ bootId, userSpace = 0 }: NodeView) => `${bootId} ${userSpace}`

function rebooted(step: NodeStep, view: NodeView, now: number): NodeStep {
  if (view.state === 'lost') return ended(step, 'failed', view.cause ?? 'it is lost', now)
  if (view.state === 'rebooting' || view.state === 'down' || view.state === 'off')
    return { ...step, step: 'going-down', message: view.cause ?? view.state }
  if (lifeOf(view) === step.life) return step
  if (view.state === 'booted') return ended(step, 'done', 'booted again', now)
  return view.state === 'booting' ? { ...step, step: 'booting', message: 'booting' } : step
}

function waited(step: NodeStep, view: NodeView, now: number): NodeStep {
  if (view.state === 'booted') return ended(step, 'done', 'booted', now)
  if (view.state === 'lost') return ended(step, 'failed', view.cause ?? 'it is lost', now)
  return { ...step, message: view.state }
}

function ended(step: NodeStep, name: StepName, message: string, now: number): NodeStep {
  return { ...step, step: name, message, endedAt: now }
}

/** The very same operation where nothing changes. */
function changed<T>(
  operation: Operation,
  news: readonly T[],
  nameOf: (one: T) => string,
  next: (step: NodeStep, one: T) => NodeStep,
): Operation {
  let nodes: Map<string, NodeStep> | undefined
  for (const one of news) {
    const name = nameOf(one)
    const step = (nodes ?? operation.nodes).get(name)
    const after = step && next(step, one)
    if (!after || after === step) continue
    nodes ??= new Map(operation.nodes)
    nodes.set(name, after)
  }
  return nodes ? { ...operation, nodes } : operation
}
