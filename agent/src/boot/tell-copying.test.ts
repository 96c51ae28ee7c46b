import { describe, expect, it } from 'vitest'
import { createFakeKernel } from '../linux/fake-kernel.ts'
import { copyingRequest, tellCopying } from './tell-copying.ts'

const place = { server: '192.168.152.1', port: 8080, mac: '52:54:00:00:00:01', bootId: '0123456789abcdef' }

function serverThatAnswers(answer: string) {
  const seen = { sent: '', closed: 0 }
  const kernel = createFakeKernel({
    connectTcp: () => 7,
    send: ({ bytes }) => {
      seen.sent += Buffer.from(bytes).toString()
    },
    receive: () => Buffer.from(answer),
    closeDescriptor: () => {
      seen.closed += 1
    },
  })
  return { kernel, seen }
}

describe('telling the server of a copy', () => {
  it('is one request that names node and boot', () => {
    const { kernel, seen } = serverThatAnswers('HTTP/1.1 204 No Content\r\n\r\n')
    tellCopying(kernel, place)
    expect(seen).toEqual({ sent: copyingRequest(place), closed: 1 })
    expect(seen.sent.split('\r\n')[0]).toBe(
      'POST /boot/52:54:00:00:00:01/copying?boot=0123456789abcdef HTTP/1.1',
    )
  })

  it.each(['HTTP/1.1 404 Not Found\r\n\r\n', ''])('fails when the answer is "%s"', (answer) => {
    const { kernel, seen } = serverThatAnswers(answer)
    expect(() => tellCopying(kernel, place)).toThrow('the server answers')
    expect(seen.closed).toBe(1)
  })
})
