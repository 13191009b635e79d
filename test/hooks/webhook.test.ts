// The webhook by itself, against a receiver over HTTP: what is taken is counted as delivered, what is not as dropped, each once.
import { createHmac } from 'node:crypto'
import { Webhook as Verifier } from 'standardwebhooks'
import { test, type Test } from 'tap'
import type { HookChange } from '../../services/broker/hooks.ts'
import { createMemoryHooks } from '../../services/broker/memory-hooks.ts'
import { fieldsOf } from '../../services/hooks/events.ts'
import { createWebhook } from '../../services/hooks/webhook.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import { readSettings } from '../../services/settings/read.ts'
import { eventually, silentLog, startClock, startReceiver, type Receiver } from '../helpers/index.ts'

function holding (n: number): HookChange {
  return { subject: `room acme/board-${n}`, isHeld: true, stay: undefined, isDelivered: false, fields: fieldsOf(`acme/board-${n}`) }
}

function webhookTo (t: Test, { url }: Receiver, env: Record<string, string> = {}) {
  const settings = readSettings({ WEBHOOK_URL: url, WEBHOOK_SECRET: 'a-secret-of-the-webhook', WEBHOOK_BATCH_MS: '10', WEBHOOK_RETRY_MAX_MS: '50', ...env })
  const metrics = createMetrics()
  const queue = createMemoryHooks({ settings })
  const webhook = createWebhook({ queue, settings, metrics, log: silentLog })
  t.teardown(() => webhook.close(0))
  let number = 0
  const addSome = async (count: number) => {
    const changes = Array.from({ length: count }, (_, i) => holding(number * 1000 + i))
    const state = await queue.report({ teller: 'one.1', number: ++number, changes })
    if (state.outcome === 'told') webhook.onState(state)
  }
  const counted = async (outcome: string) => (await metrics.webhooks.get()).values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0
  return { webhook, addSome, counted }
}

test('a receiver that verifies with the standardwebhooks package takes what is sent, with either kind of secret', async t => {
  const key = Buffer.from('a key of thirty-two bytes or so, in base64')
  for (const [secret, verifier, hmacKey] of [
    [`whsec_${key.toString('base64')}`, new Verifier(`whsec_${key.toString('base64')}`), key],
    ['any text, ümlauts too', new Verifier(Buffer.from('any text, ümlauts too'), { format: 'raw' }), 'any text, ümlauts too']
  ] as const) {
    const receiver = await startReceiver(t)
    const { addSome } = webhookTo(t, receiver, { WEBHOOK_SECRET: secret })
    await addSome(1)
    const { headers, text } = await eventually(() => receiver.requests[0])
    t.match(verifier.verify(text, headers as Record<string, string>), { events: [{ event: 'room.occupied', appId: 'board-0' }] })
    t.equal(headers['webhook-signature'], `v1,${createHmac('sha256', hmacKey).update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${text}`).digest('base64')}`)
    t.throws(() => verifier.verify(text.replace('occupied', 'vacated'), headers as Record<string, string>))
  }
})

test('full batches leave without a pause, in order', async t => {
  const receiver = await startReceiver(t)
  const { addSome } = webhookTo(t, receiver, { WEBHOOK_BATCH_MS: '200', WEBHOOK_BATCH_SIZE: '10' })
  const clock = startClock(t)
  await addSome(95)
  await eventually(() => receiver.taken().length >= 90)
  t.ok(clock.now() < 1000, `after ${Math.round(clock.now())} ms`)
  await eventually(() => receiver.taken().length === 95)
  t.strictSame(receiver.requests.flatMap(({ events }) => events.map(({ appId }) => appId)), Array.from({ length: 95 }, (_, i) => `board-${i}`))
})

test('events beyond the queue are dropped while a batch is sent, but the batch is not: each event is counted once', async t => {
  let isAway = true
  const receiver = await startReceiver(t, () => isAway ? 503 : 200)
  const { webhook, addSome, counted } = webhookTo(t, receiver, { WEBHOOK_QUEUE_SIZE: '20', WEBHOOK_BATCH_SIZE: '10' })
  await addSome(10)
  await eventually(() => receiver.requests.length >= 1)
  await addSome(30)
  isAway = false
  await webhook.close(5000)
  const taken = receiver.taken()
  t.equal(new Set(taken).size, taken.length)
  t.strictSame([await counted('delivered'), await counted('dropped')], [20, 20])
  t.equal(taken.length, 20)
  t.strictSame(receiver.requests[0]?.events.map(({ id }) => id), taken.slice(0, 10), 'the batch under way is taken as it was')
})

test('closing sends all that waits, at once, also what a receiver refused at first', async t => {
  let isAway = true
  const receiver = await startReceiver(t, () => isAway ? 503 : 200)
  const { webhook, addSome, counted } = webhookTo(t, receiver, { WEBHOOK_RETRY_MAX_MS: '60000' })
  await addSome(250)
  await eventually(() => receiver.requests.length >= 2)
  const closing = webhook.close(10_000)
  await eventually(() => receiver.requests.length >= 3)
  isAway = false
  await closing
  t.strictSame([await counted('delivered'), await counted('dropped')], [250, 0])
  t.equal(new Set(receiver.taken()).size, 250)
})

test('closing ends in time when the receiver refuses or hangs, and what was not taken is counted as dropped, once', async t => {
  for (const status of [503, undefined]) {
    const receiver = await startReceiver(t, () => status)
    const { webhook, addSome, counted } = webhookTo(t, receiver, { WEBHOOK_TIMEOUT_MS: '60000' })
    await addSome(150)
    await eventually(() => receiver.requests.length >= 1)
    const clock = startClock(t)
    const closing = webhook.close(500)
    t.equal(webhook.close(500), closing)
    await closing
    t.ok(clock.now() >= 300 && clock.now() < 1000, `after ${Math.round(clock.now())} ms`)
    t.strictSame([await counted('delivered'), await counted('dropped')], [0, 150])
    const requests = receiver.requests.length
    await webhook.close(500)
    t.equal(receiver.requests.length, requests)
  }
})
