import { afterEach, describe, expect, it } from 'vitest'
import { type RootGuard, startRootGuard } from './root-guard.ts'
import type { RootAnswer } from './root-watch.ts'

let guard: RootGuard | undefined
afterEach(() => guard?.stop())

/** The answers in turn, the last one for ever; each look comes three seconds after the one before. */
function start(answers: RootAnswer[]) {
  const events: string[] = []
  const server = { asked: 0 }
  const image = { asked: 0 }
  let now = 0
  const answer = () => answers[Math.min(server.asked, answers.length) - 1] ?? 'answered'
  guard = startRootGuard({
    server: {
      async ask() {
        server.asked += 1
        now += 3_000
        const one = answer()
        return one === 'stale' ? 'answered' : one
      },
      stop: () => events.push('server stopped'),
    },
    image: {
      async ask() {
        image.asked += 1
        return answer() === 'stale' ? 'stale' : 'answered'
      },
      stop: () => events.push('image stopped'),
    },
    policy: { rebootAfterSeconds: 15 },
    tell: (degraded, cause) => events.push(`${degraded}: ${cause}`),
    reboot: (cause) => events.push(`reboot: ${cause}`),
    warn: (message) => events.push(message),
    nowMs: () => now,
    intervalMs: 2,
  })
  return { events, server, image, guard }
}

describe('root guard', () => {
  it('looks into the image now and then while all is well', async () => {
    const { events, server, image } = start(['answered'])
    await expect.poll(() => server.asked).toBeGreaterThan(20)
    expect(events).toEqual([])
    expect(image.asked).toBeGreaterThan(1)
    expect(image.asked).toBeLessThan(server.asked * 0.7)
  })

  it('tells of an outage and its end, and knows meanwhile that the image cannot be used', async () => {
    const { events, guard } = start(['answered', 'silent', 'silent', 'silent', 'answered'])
    expect(guard.answers()).toBe(true)
    await expect.poll(() => events, { interval: 1 }).toHaveLength(2)
    expect(events[0]).toMatch(/^true: degraded: the NFS server does not answer/)
    expect(events[1]).toMatch(/^false: recovered: the NFS server answers again after \d+ s$/)
    await expect.poll(() => guard.answers()).toBe(true)
  })

  it('asks for the reboot again as long as the machine runs', async () => {
    const { events } = start(['silent'])
    const reboots = () => events.filter((event) => event === 'reboot: NFS server lost for 15 s')
    await expect.poll(() => reboots().length).toBeGreaterThan(1)
    expect(events[0]).toMatch(/^true: degraded/)
  })

  it('reboots when the handle of the image is stale', async () => {
    const { events } = start(['answered', 'stale'])
    await expect.poll(() => events[0]).toMatch(/^reboot: stale file handle/)
  })

  it('goes on when a question fails, and says so', async () => {
    const said: string[] = []
    const failing = async () => {
      throw new Error('no more sockets')
    }
    guard = startRootGuard({
      server: { ask: failing, stop: () => undefined },
      image: { ask: async () => 'answered', stop: () => undefined },
      policy: 'wait',
      tell: () => undefined,
      reboot: () => undefined,
      warn: (message) => said.push(message),
      nowMs: () => 0,
      intervalMs: 2,
    })
    await expect.poll(() => said.length).toBeGreaterThan(1)
    expect(said[0]).toBe('the root could not be watched: no more sockets')
  })
})
