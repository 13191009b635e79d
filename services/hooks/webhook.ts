// The webhook: signed as Standard Webhooks has it, in batches, in order, repeated with back-off until it is taken.
import { createHmac, randomUUID } from 'node:crypto'
import { Type, type Static } from '@sinclair/typebox'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { Id, Time } from '../wire/protocol.ts'
import { roomName, type RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

const FIRST_RETRY_MS = 1000

export const WebhookEvent = Type.Object({
  id: Type.String({ description: 'the same when it is sent again: drop repeats by it' }),
  event: Type.Union([Type.Literal('room.occupied'), Type.Literal('room.vacated')]),
  workspaceId: Id,
  appId: Id,
  at: Time
})
export type WebhookEvent = Static<typeof WebhookEvent>
export const WebhookBody = Type.Object({ events: Type.Array(WebhookEvent) })

export interface Webhook {
  add (room: RoomKey, event: 'occupied' | 'vacated'): void
  /** Sends what waits, once; what is not taken then is lost. */
  close (): Promise<void>
}

export function createWebhook ({ settings, metrics, log }: { settings: Settings, metrics: Metrics, log: Log }): Webhook {
  let queue: WebhookEvent[] = []
  /** What was sent and is not known to be taken: repeated as it is, since receivers drop by the id of the batch. */
  let batch: WebhookEvent[] = []
  let timer: NodeJS.Timeout | undefined
  let sending: Promise<void> | undefined
  let failures = 0

  function schedule (afterMs: number): void {
    timer ??= setTimeout(() => {
      timer = undefined
      sending = sendNext().finally(() => { sending = undefined })
    }, afterMs).unref()
  }

  async function sendNext (): Promise<void> {
    if (batch.length === 0) batch = queue.slice(0, settings.WEBHOOK_BATCH_SIZE)
    if (batch.length === 0) return
    try {
      await post(batch)
      failures = 0
      const sent = new Set(batch)
      queue = queue.filter(event => !sent.has(event))
      metrics.webhooks.inc({ outcome: 'delivered' }, batch.length)
      batch = []
      if (queue.length > 0) schedule(settings.WEBHOOK_BATCH_MS)
    } catch (error) {
      const retryMs = Math.min(FIRST_RETRY_MS * 2 ** failures, settings.WEBHOOK_RETRY_MAX_MS)
      failures++
      log.warn({ err: (error as Error).message, waiting: queue.length, retryMs }, 'webhook was not taken')
      schedule(retryMs)
    }
  }

  async function post (events: WebhookEvent[]): Promise<void> {
    // The same batch has the same id when it is repeated.
    const id = `batch_${(events[0] as WebhookEvent).id}`
    const timestamp = Math.floor(Date.now() / 1000)
    const body = JSON.stringify({ events })
    const response = await fetch(settings.WEBHOOK_URL, {
      method: 'POST',
      redirect: 'error',
      signal: AbortSignal.timeout(settings.WEBHOOK_TIMEOUT_MS),
      headers: {
        'Content-Type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signature(settings.WEBHOOK_SECRET, id, timestamp, body)
      },
      body
    })
    await response.body?.cancel()
    if (!response.ok) throw new Error(`the receiver answered ${response.status}`)
  }

  return {
    add (room, event) {
      queue.push({ id: randomUUID(), event: `room.${event}`, ...roomName(room), at: Date.now() })
      if (queue.length > settings.WEBHOOK_QUEUE_SIZE) {
        queue.shift()
        metrics.webhooks.inc({ outcome: 'dropped' })
        log.error({ waiting: queue.length }, 'webhook queue is full: the oldest event was dropped')
      }
      if (sending === undefined) schedule(settings.WEBHOOK_BATCH_MS)
    },

    async close () {
      await sending
      clearTimeout(timer)
      timer = undefined
      await sendNext()
      clearTimeout(timer)
    }
  }
}

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
export function signature (secret: string, id: string, timestamp: number, body: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
}
