/** Sends alerts to a URL, one after the other, each tried a few times: the other side may be restarted just then. */
import { createBackoff } from '@walt/shared/backoff'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import type { AlertView } from '../http/api-schema.ts'
import type { Log } from '../log.ts'

export type Webhook = { send(alert: AlertView): void; stop(): Promise<void> }

export function createWebhook(options: { url: string; random: () => number; log: Log }): Webhook {
  const { url, random, log } = options
  const stopping = new AbortController()
  const waiting: AlertView[] = []
  let working: Promise<void> | undefined
  let dropped = 0

  async function post(alert: AlertView): Promise<void> {
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(limits.webhookMs)])
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(alert), signal })
    await answer.body?.cancel()
    if (!answer.ok) throw new WaltError('webhook-refused', `it answered with HTTP status ${answer.status}`)
  }

  async function deliver(alert: AlertView): Promise<void> {
    const { webhookBackoffMinMs: minMs, webhookBackoffMaxMs: maxMs } = limits
    const backoff = createBackoff({ minMs, maxMs, random })
    for (let attempt = 1; !stopping.signal.aborted; attempt++) {
      try {
        await post(alert)
        return
      } catch (thrown) {
        if (stopping.signal.aborted) return
        if (attempt >= limits.webhookTriesMax) {
          // Not the URL: it may have a secret in it.
          log.warn(`the webhook did not take an alert (${alert.message}): ${causeOf(thrown)}`)
          return
        }
        await pause(backoff.nextMs(), stopping.signal)
      }
    }
  }

  async function work(): Promise<void> {
    for (let alert = waiting.shift(); alert; alert = waiting.shift()) await deliver(alert)
    working = undefined
  }

  return {
    send(alert) {
      waiting.push(alert)
      if (waiting.length > limits.webhookWaitingMax) {
        waiting.shift()
        dropped += 1
        if (dropped === 1) log.warn('the webhook is too slow: the oldest alerts are left out')
      }
      working ??= work()
    },
    async stop() {
      stopping.abort()
      await working
    },
  }
}

/** What fetch throws says "fetch failed", and why in its cause. */
function causeOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined
  return cause === undefined ? reasonOf(thrown) : reasonOf(cause)
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
