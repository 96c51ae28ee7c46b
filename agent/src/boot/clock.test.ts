import { describe, expect, it } from 'vitest'
import { createFakeKernel } from '../linux/fake-kernel.ts'
import { dateOfHttpHead, setClockFromServer } from './clock.ts'

const head = 'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nDate: Tue, 02 Jun 2026 10:00:00 GMT\r\n\r\n'
const server = { address: '192.168.152.1', port: 8080, withinMs: 1000 }

function answering(pieces: string[]) {
  const times: number[] = []
  const kernel = createFakeKernel({
    connectTcp: () => 7,
    send: () => undefined,
    receive: () => Buffer.from(pieces.shift() ?? ''),
    closeDescriptor: () => undefined,
    setClock: ({ epochMs }) => void times.push(epochMs),
  })
  return { kernel, times }
}

describe('clock', () => {
  it('takes the Date header of whatever the server answers, in pieces too', () => {
    const { kernel, times } = answering([head.slice(0, 60), head.slice(60)])
    setClockFromServer(kernel, server)
    expect(times).toEqual([Date.UTC(2026, 5, 2, 10, 0, 0, 500)])
  })

  it('waits for the whole line, and takes no other for it', () => {
    expect(dateOfHttpHead('HTTP/1.1 200 OK\r\nDate: Tue, 02 Jun')).toBeUndefined()
    expect(dateOfHttpHead('HTTP/1.1 200 OK\r\nX-Date: Tue, 02 Jun 2026 10:00:00 GMT\r\n')).toBeUndefined()
  })

  it('leaves the clock alone when there is no Date', () => {
    const { kernel } = answering(['HTTP/1.1 200 OK\r\n\r\n'])
    expect(() => setClockFromServer(kernel, server)).toThrow('answers without a Date header')
  })
})
