/** Nodes of the same outcome on one line: `vnode[1-3],gateway: rebooted OK.` */

/** Pure. The names as a node set that can be pasted back: runs of three or more numbers become a range. */
export function brieflyNamed(names: readonly string[]): string {
  const words: string[] = []
  for (let index = 0; index < names.length; ) {
    const end = endOfRun(names, index)
    const [first, last] = [numbered(names[index] ?? ''), numbered(names[end - 1] ?? '')]
    if (end - index >= 3 && first && last) words.push(`${first.stem}[${first.number}-${last.number}]`)
    else words.push(...names.slice(index, end))
    index = end
  }
  return words.join(',')
}

function endOfRun(names: readonly string[], start: number): number {
  const first = numbered(names[start] ?? '')
  let end = start + 1
  while (first && end < names.length) {
    const next = numbered(names[end] ?? '')
    if (next?.stem !== first.stem || next.number !== first.number + end - start) break
    end += 1
  }
  return end
}

/** A number with leading zeros would not be read back from a range. */
function numbered(name: string): { stem: string; number: number } | undefined {
  const match = /^([a-z](?:[a-z0-9-]*[a-z-])?)(0|[1-9][0-9]{0,5})$/.exec(name)
  return match ? { stem: match[1] ?? '', number: Number(match[2]) } : undefined
}

/** One line an outcome, in the order of first appearance. A message may begin with the node's name; it is not repeated. */
export function outcomeLines(results: readonly { node: string; message: string }[]): string[] {
  const nodesOf = new Map<string, string[]>()
  for (const { node, message } of results) {
    const outcome = message.startsWith(`${node}: `) ? message.slice(node.length + 2) : message
    nodesOf.set(outcome, [...(nodesOf.get(outcome) ?? []), node])
  }
  return [...nodesOf].map(([outcome, nodes]) => `${brieflyNamed(nodes)}: ${outcome}`)
}
