/** Reads server-sent events of a server, as a client would. */
import http from 'node:http'

export type StreamEvent = { id: string | undefined; event: string; data: unknown }
export type EventStream = { events: StreamEvent[]; lastId(): string | undefined; close(): void }

export function followEvents(socketPath: string, query = '', lastEventId?: string): Promise<EventStream> {
  const events: StreamEvent[] = []
  let [text, last]: [string, string | undefined] = ['', undefined]
  const take = (block: string) => {
    const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]))
    last = fields.get('id') ?? last
    const event = fields.get('event')
    if (event) events.push({ id: fields.get('id'), event, data: JSON.parse(fields.get('data') ?? 'null') })
  }
  return new Promise((resolve, reject) => {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    const sent = http.request(
      { socketPath, path: `/api/v1/events${query}`, headers, agent: false },
      (answer) => {
        answer.on('error', () => undefined)
        answer.on('data', (chunk: Buffer) => {
          const blocks = (text + chunk.toString()).split('\n\n')
          text = blocks.pop() ?? ''
          for (const block of blocks) take(block)
          resolve({ events, lastId: () => last, close: () => sent.destroy() })
        })
      },
    )
    sent.on('error', reject)
    sent.end()
  })
}
