/** Server-sent events out of a stream of text, as the HTML standard has them (9.2.6), without `retry`. Pure. */

export type ServerSentEvent = { event: string; data: string; id: string | undefined }

/** Takes text as it comes, in pieces of any size; returns what is complete. */
export function createEventParser(): (text: string) => ServerSentEvent[] {
  let rest = ''
  let event = ''
  let data: string[] = []
  let id: string | undefined
  let afterReturn = false

  function take(line: string): ServerSentEvent | undefined {
    if (line === '') {
      const complete = data.length > 0 ? { event: event || 'message', data: data.join('\n'), id } : undefined
      event = ''
      data = []
      return complete
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') event = value
    if (field === 'data') data.push(value)
    if (field === 'id' && !value.includes('\0')) id = value
    return undefined
  }

  return (text) => {
    const found: ServerSentEvent[] = []
    // A line may end with CR LF whose halves come in two pieces.
    const piece = afterReturn && text.startsWith('\n') ? text.slice(1) : text
    if (text !== '') afterReturn = text.endsWith('\r')
    const lines = (rest + piece).split(/\r\n|\n|\r/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const complete = take(line)
      if (complete) found.push(complete)
    }
    return found
  }
}
