// The webhook: events in batches and in order, signed by Standard Webhooks. A batch is retried with back-off until accepted.
import { randomUUID } from 'node:crypto'
import { Type, type Static } from '@sinclair/typebox'
import { Webhook as Signer } from 'standardwebhooks'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { Id, Time } from '../wire/protocol.ts'
import { roomName, type RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

const FIRST_RETRY_MS = 1000

export const WebhookEvent = Type.Object({
  id: Type.String({ description: 'unchanged when the event is sent again, so that you can drop repeats' }),
  event: Type.Union([Type.Literal('room.occupied'), Type.Literal('room.vacated')]),
  workspaceId: Id,
  appId: Id,
  at: Time
})
export type WebhookEvent = Static<typeof WebhookEvent>
export const WebhookBody = Type.Object({ events: Type.Array(WebhookEvent) })

export interface Webhook {
  add (room: RoomKey, event: 'occupied' | 'vacated'): void
  /** Sends all waiting events for at most `withinMs`, then drops the rest. */
  close (withinMs: number): Promise<void>
}

export function createWebhook ({ settings, metrics, log }: { settings: Settings, metrics: Metrics, log: Log }): Webhook {
  const signer = new Signer(keyOf(settings.WEBHOOK_SECRET), { format: 'raw' })
  const queue: WebhookEvent[] = []
  /** Sent but not accepted yet. It is retried unchanged, because receivers drop repeats by the id of the batch. */
  let batch: WebhookEvent[] = []
  let failures = 0
  let isOverflowing = false
  let working: Promise<void> | undefined
  let closing: Promise<void> | undefined
  /** Set when nothing more is sent. */
  let isOver = false
  let endPause: () => void = () => {}
  let endAttempt: () => void = () => {}

  async function work (): Promise<void> {
    if (closing === undefined) await pause(settings.WEBHOOK_BATCH_MS)
    while (batch.length + queue.length > 0 && !isOver) {
      if (batch.length === 0) batch = queue.splice(0, settings.WEBHOOK_BATCH_SIZE)
      if (!await isTaken(batch)) {
        const retryMs = Math.min(FIRST_RETRY_MS * 2 ** failures, settings.WEBHOOK_RETRY_MAX_MS)
        failures++
        await pause(retryMs)
        continue
      }
      metrics.webhooks.inc({ outcome: 'delivered' }, batch.length)
      batch = []
      failures = 0
      isOverflowing = false
      // If a full batch is waiting, send it at once.
      if (closing === undefined && queue.length > 0 && queue.length < settings.WEBHOOK_BATCH_SIZE) await pause(settings.WEBHOOK_BATCH_MS)
    }
    working = undefined
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

  async function isTaken (events: WebhookEvent[]): Promise<boolean> {
    const attempt = new AbortController()
    endAttempt = () => attempt.abort(new Error('the receiver did not answer in time'))
    const timer = setTimeout(endAttempt, settings.WEBHOOK_TIMEOUT_MS)
    try {
      await post(events, attempt.signal)
      return true
    } catch (error) {
      log.warn({ err: (error as Error).message, waiting: batch.length + queue.length, failures: failures + 1 }, 'the webhook receiver did not accept a batch')
      return false
    } finally {
      clearTimeout(timer)
    }
  }

  async function post (events: WebhookEvent[], signal: AbortSignal): Promise<void> {
    // A retried batch keeps its id.
    const id = `batch_${(events[0] as WebhookEvent).id}`
    const at = new Date()
    const body = JSON.stringify({ events })
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
    while (working !== undefined) await working
    clearTimeout(timer)
    isOver = true
    const left = batch.length + queue.splice(0).length
    batch = []
    if (left > 0) drop(left, 'closing: dropped events that the receiver did not accept in time')
  }

  function drop (count: number, text: string): void {
    metrics.webhooks.inc({ outcome: 'dropped' }, count)
    log.error({ dropped: count }, text)
  }

  return {
    add (room, event) {
      if (isOver) return drop(1, 'closed: an event was dropped')
      queue.push({ id: randomUUID(), event: `room.${event}`, ...roomName(room), at: Date.now() })
      if (batch.length + queue.length > settings.WEBHOOK_QUEUE_SIZE) {
        queue.shift()
        if (isOverflowing) metrics.webhooks.inc({ outcome: 'dropped' })
        else drop(1, 'the webhook queue is full: the oldest events are dropped from now on')
        isOverflowing = true
      }
      working ??= work()
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
