// Rooms of the client are counted: all who hold one share a subscription, and each comes and goes by itself.
import { test, type Test } from 'tap'
import type { Client } from '@roomcast/client'
import { call, clientOf, eventually, heard, publish, record, startInstance, token, within } from '../helpers/index.ts'

const room = { workspaceId: 'acme', appId: 'board-1' }

/** What the client asks of this room, in the order of asking. */
function requests (client: Client): string[] {
  const asked: string[] = []
  client.socket.onAnyOutgoing((name: string, { event, payload }: { event: string, payload: typeof room }) => {
    if (name === 'application' && payload.appId === room.appId) asked.push(event)
  })
  return asked
}

async function start (t: Test) {
  const instance = await startInstance(t)
  await instance.ready()
  const client = clientOf(t, instance.url)
  return { instance, client, asked: requests(client) }
}

async function people (url: string): Promise<unknown> {
  return (await call(url, 'GET', '/api/v1/workspaces/acme/apps/board-1/presence', { token: token() })).body.data.count
}

test('of two who hold a room one leaves: the other goes on, and who left hears nothing more', async t => {
  const { client, asked } = await start(t)
  const [one, two] = [client.room('acme', 'board-1'), client.room('acme', 'board-1')]
  const [log, left] = [record(two), record(one)]
  await Promise.all([heard(one, 'joined'), heard(two, 'joined')])
  one.leave()
  one.leave()
  t.notOk(one.isJoined)
  await t.rejects(one.publish('N', 0), { code: 'client/left' })
  t.match(await within(5000, 'a receipt', two.publish('N', 1)), { offset: 1, duplicate: false })
  await eventually(() => log.payloads.length === 1)
  t.strictSame(left.payloads, [])
  t.ok(two.isJoined)
  t.strictSame(asked, ['SUBSCRIBE'])
})

test('after the last has left a publish fails at once, and the room is left at the service a moment later', async t => {
  const { instance, client, asked } = await start(t)
  const witness = clientOf(t, instance.url, { sub: 'bob' }).room('acme', 'board-1')
  const one = client.room('acme', 'board-1')
  await heard(witness, 'presence', ({ count }) => count === 2)
  const gone = heard(witness, 'presence', ({ left }) => left.some(({ userId }) => userId === 'ann'))
  const underWay = one.publish('N', 'before it was left')
  one.leave()
  await t.rejects(within(200, 'a refusal', one.publish('N', 1)), { code: 'client/left' })
  t.match(await underWay, { offset: 1 }, 'what was under way arrives all the same')
  t.strictSame(asked, ['SUBSCRIBE'], 'it lingers')
  await gone
  t.strictSame(asked, ['SUBSCRIBE', 'UNSUBSCRIBE'])
})

test('a room that is left and taken again within the second neither leaves nor joins, and the newcomer is told how things stand', async t => {
  const { instance, client, asked } = await start(t)
  const first = client.room('acme', 'board-1')
  first.leave()
  const second = client.room('acme', 'board-1')
  await heard(second, 'presence', ({ count }) => count === 1)
  second.leave()
  await publish(instance.url, { ...room, event: 'N', payload: 'meanwhile' })
  const third = client.room('acme', 'board-1')
  const log = record(third)
  const seen = heard(third, 'presence')
  const joined = await heard(third, 'joined')
  t.match(await seen, { count: 1, joined: [{ userId: 'ann' }] })
  await publish(instance.url, { ...room, event: 'N', payload: 'after' })
  await eventually(() => log.payloads.includes('after'))
  t.ok(joined.offset <= 1)
  t.strictSame(asked, ['SUBSCRIBE'])
  // When one that is left now has lingered, those from before have too.
  const other = client.room('acme', 'other')
  other.leave()
  await new Promise<void>(resolve => {
    client.socket.onAnyOutgoing((name: string, { event }: { event: string }) => { if (event === 'UNSUBSCRIBE') resolve() })
  })
  t.strictSame(asked, ['SUBSCRIBE'])
  t.equal(await people(instance.url), 1)
})

test('a new holder of an abandoned room continues from its own state, even one behind the updates since', async t => {
  const { instance, client } = await start(t)
  const first = client.room('acme', 'board-1')
  const { epoch } = await first.publish('N', 1)
  await eventually(() => first.position?.offset === 1)
  for (const n of [2, 3]) await first.publish('N', n)
  await eventually(() => first.position?.offset === 3)
  first.leave()
  const second = client.room('acme', 'board-1', { since: { epoch, offset: 1 } })
  const log = record(second)
  for (const n of [4, 5]) await publish(instance.url, { ...room, event: 'N', payload: n })
  await eventually(() => log.offsets.length === 4)
  t.strictSame(log.payloads, [2, 3, 4, 5])
  t.strictSame(log.resets, [])
})

test('a new holder of a shared room with a different state must load it again; the others must not', async t => {
  const { client, asked } = await start(t)
  const first = client.room('acme', 'board-1')
  const log = record(first)
  const { epoch } = await first.publish('N', 1)
  await first.publish('N', 2)
  await eventually(() => log.offsets.length === 2)
  const second = client.room('acme', 'board-1', { since: { epoch, offset: 1 } })
  t.strictSame(await heard(second, 'reset'), { position: { epoch, offset: 2 } })
  const third = client.room('acme', 'board-1', { since: { epoch, offset: 2 } })
  const whole = record(third)
  await first.publish('N', 3)
  await eventually(() => whole.offsets.length === 1)
  t.strictSame([log.resets, whole.resets], [[], []])
  t.strictSame(log.faults, [])
  t.strictSame(asked, ['SUBSCRIBE'])
})

test('a room token that a second holder brings counts for all of them', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const client = clientOf(t, instance.url, { capabilities: {} })
  const first = client.room('acme', 'board-1')
  await heard(first, 'error', ({ code }) => code === 'auth/forbidden')
  const joined = heard(first, 'joined')
  client.room('acme', 'board-1', { token: () => `\n ${token({ capabilities: { 'acme/board-1': ['subscribe', 'publish'] } })}\n` })
  await joined
  t.match(await first.publish('N', 1), { offset: 1 })
})

test('a client removed from a room gets the reason, also when it joins again', async t => {
  const { instance, client } = await start(t)
  const first = client.room('acme', 'board-1')
  await heard(first, 'joined')
  const ended = heard(first, 'error')
  await call(instance.url, 'POST', '/api/v1/sessions/unsubscribe', { token: token({ sub: 'ops' }), body: { userId: 'ann', ...room } })
  t.match(await ended, { code: 'auth/unsubscribed', ...room })
  const again = heard(first, 'error')
  const second = client.room('acme', 'board-1')
  t.match(await again, { code: 'auth/unsubscribed' })
  t.notOk(second.isJoined)
})

test('a room that is left after the client was closed ends nothing of what came after', async t => {
  const { client, asked } = await start(t)
  const before = client.room('acme', 'board-1')
  await heard(before, 'joined')
  client.close()
  client.connect()
  const after = client.room('acme', 'board-1')
  const joined = heard(after, 'joined')
  before.leave()
  await t.rejects(before.publish('N', 0), { code: 'client/closed' })
  await joined
  const other = client.room('acme', 'other')
  other.leave()
  await new Promise<void>(resolve => {
    client.socket.onAnyOutgoing((name: string, { event }: { event: string }) => { if (event === 'UNSUBSCRIBE') resolve() })
  })
  t.match(await after.publish('N', 1), { offset: 1 })
  t.equal(asked.filter(event => event === 'SUBSCRIBE').length, 2)
  t.ok(after.isJoined)
})
