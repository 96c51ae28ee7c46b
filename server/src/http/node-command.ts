import type { ControlAnswer, ControlRequestLine } from '../fleet/control-client.ts'
import type { NodeRecord } from '../fleet/node-record.ts'
import type { CommandNodesRequest, CommandResult } from './api-schema.ts'

export type NodeCommander = (
  address: string,
  request: ControlRequestLine,
  options: { wholeAnswer: boolean; signal: AbortSignal },
) => Promise<ControlAnswer>

function requestLine({ command, on = true }: CommandNodesRequest): ControlRequestLine {
  if (command === 'blink') return on ? 'BLINK 1' : 'BLINK 0'
  return command === 'dmesg' ? 'DMESG' : 'PING'
}

function doneWords({ command, on = true }: CommandNodesRequest): string {
  if (command === 'blink') return on ? 'blinking.' : 'not blinking any more.'
  return command === 'dmesg' ? 'kernel log read.' : 'it answers.'
}

/** Asks one node by its control port. Never throws for a node that fails. */
export async function runCommand(
  { name: node, address }: NodeRecord,
  wanted: CommandNodesRequest,
  commander: NodeCommander,
  signal: AbortSignal,
): Promise<CommandResult> {
  const line = requestLine(wanted)
  const wholeAnswer = wanted.command === 'dmesg'
  const answer = await commander(address, line, { wholeAnswer, signal })
  if (!answer.ok) return { node, ok: false, message: `${node}: failed ${wanted.command} (${answer.reason})` }
  const message = `${node}: ${doneWords(wanted)}`
  return { node, ok: true, message, ...(wholeAnswer ? { output: answer.output } : {}) }
}
