// The webhook: events in batches and in order, signed by Standard Webhooks. A batch is retried with back-off until accepted.
// One instance at a time delivers the events that wait at the broker.
import { createHash } from 'node:crypto'
import { Webhook as Signer } from 'standardwebhooks'
import type { HookBatch, HookBroker } from '../broker/hooks.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'

const FIRST_RETRY_MS = 1000
/** The lease of the delivery outlives an attempt and the pause after it by this much. */
const SPARE_MS = 1000

export interface Webhook {
  /** Called with the state of the queue at the broker. */
  onState (state: { waiting: number, dropped: number }): void
  /** Sends all waiting events for at most `withinMs`. The rest is left to other instances, or dropped if it cannot be. */
  close (withinMs: number): Promise<void>
}

export function createWebhook ({ queue, settings, metrics, log }: {
  queue: Pick<HookBroker, 'claim' | 'taken' | 'abandon'>, settings: Settings, metrics: Metrics, log: Log
}): Webhook {
  const signer = new Signer(keyOf(settings.WEBHOOK_SECRET), { format: 'raw' })
  /** The last accepted batch. The broker may not know yet that it was accepted. */
  let lastTaken: string | undefined
  let failures = 0
  let isOverflowing = false
  /** Events were announced after the last question to the broker. */
  let isAwaited = false
  let working: Promise<void> | undefined
  let closing: Promise<void> | undefined
  /** Set when nothing more is sent. */
  let isOver = false
  let endPause: () => void = () => {}
  let endAttempt: () => void = () => {}

  function work (): void {
    isAwaited = true
    working ??= deliverAll().then(() => {
      working = undefined
      // Events that were announced at the very end.
      if (isAwaited && !isOver) work()
    }, (error: Error) => {
      working = undefined
      log.debug({ err: error.message }, 'the webhook queue could not be read; retried with the next heartbeat')
    })
  }

  async function deliverAll (): Promise<void> {
    if (closing === undefined) await pause(settings.WEBHOOK_BATCH_MS)
    while (!isOver) {
      const retryMs = Math.min(FIRST_RETRY_MS * 2 ** failures, settings.WEBHOOK_RETRY_MAX_MS)
      isAwaited = false
      const batch = await queue.claim(settings.WEBHOOK_TIMEOUT_MS + retryMs + SPARE_MS)
      if (batch === undefined || isOver) return
      if (batch.last !== lastTaken && !await isTaken(batch)) {
        failures++
        await pause(retryMs)
        continue
      }
      if (failures > 0) log.warn({ failures }, 'the webhook receiver accepts events again')
      failures = 0
      lastTaken = batch.last
      const { delivered, waiting } = await queue.taken(batch.last)
      metrics.webhooks.inc({ outcome: 'delivered' }, delivered)
      metrics.webhooksWaiting.set(waiting)
      // If a full batch is waiting, send it at once.
      if (closing === undefined && waiting > 0 && waiting < settings.WEBHOOK_BATCH_SIZE) await pause(settings.WEBHOOK_BATCH_MS)
    }
  }

  function pause (ms: number): Promise<void> {
    return new Promise(resolve => {
      if (isOver) return resolve()
      const timer = setTimeout(resolve, ms).unref()
      endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async function isTaken (batch: HookBatch): Promise<boolean> {
    const attempt = new AbortController()
    endAttempt = () => attempt.abort(new Error('the receiver did not answer in time'))
    const timer = setTimeout(endAttempt, settings.WEBHOOK_TIMEOUT_MS)
    try {
      await post(batch, attempt.signal)
      return true
    } catch (error) {
      log.warn({ err: (error as Error).message, failures: failures + 1 }, 'the webhook receiver does not accept events, which wait: restore it')
      return false
    } finally {
      clearTimeout(timer)
    }
  }

  async function post ({ events }: HookBatch, signal: AbortSignal): Promise<void> {
    const at = new Date()
    const body = `{"events":[${events.join(',')}]}`
    // A retried batch keeps its id, also when another instance retries it.
    const id = `batch_${createHash('sha256').update(body).digest('base64url')}`
    const response = await fetch(settings.WEBHOOK_URL, {
      method: 'POST',
      redirect: 'error',
      signal,
      headers: {
        'Content-Type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': signer.sign(id, at, body)
      },
      body
    })
    await response.body?.cancel()
    if (!response.ok) throw new Error(`the receiver answered ${response.status}`)
  }

  async function finish (withinMs: number): Promise<void> {
    const timer = setTimeout(() => {
      isOver = true
      endAttempt()
      endPause()
    }, withinMs)
    // Retry at once, even if the receiver has refused for long.
    failures = 0
    endPause()
    await working
    if (!isOver) work()
    await working
    clearTimeout(timer)
    isOver = true
    const left = await queue.abandon().catch((error: unknown) => {
      // Without Redis, the lease of the delivery ends by its time.
      log.debug({ err: (error as Error).message }, 'the delivery could not be handed over')
      return 0
    })
    if (left > 0) drop(left, 'closing: events that the webhook receiver did not accept are dropped: let it load its state anew')
  }

  function drop (count: number, text: string): void {
    metrics.webhooks.inc({ outcome: 'dropped' }, count)
    log.error({ dropped: count }, text)
  }

  return {
    onState ({ waiting, dropped }) {
      metrics.webhooksWaiting.set(waiting)
      if (waiting < settings.WEBHOOK_QUEUE_SIZE) isOverflowing = false
      if (dropped > 0 && isOverflowing) metrics.webhooks.inc({ outcome: 'dropped' }, dropped)
      else if (dropped > 0) drop(dropped, 'the webhook queue is full, and the oldest events are dropped: restore the receiver, and let it load its state anew')
      isOverflowing ||= dropped > 0
      if (waiting > 0 && !isOver) work()
    },

    close (withinMs) {
      closing ??= finish(withinMs)
      return closing
    }
  }
}

/** Decodes the secret: base64 after `whsec_`, as in the specification, or any text. */
function keyOf (secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret)
}
