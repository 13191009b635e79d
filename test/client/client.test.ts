// The client when nothing fails: typed updates, receipts, presence, refusals that are final, leaving.
import { test } from 'tap'
import type { AppEvents } from '@roomcast/client'
import { call, clientOf, cluster, eventually, heard, record, startInstance, startRedis, told, token } from '../helpers/index.ts'

type Cards = {
  CARD_MOVED: { card: string, column: number }
  cursor: { x: number, y: number }
}

test('two clients on two instances hear each other, and another room hears nothing', async t => {
  const redis = await startRedis(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all([a.ready(), b.ready()])
  const ann = clientOf(t, a.url, { sub: 'ann', name: 'Ann' }).room<Cards & AppEvents>('acme', 'board-1')
  const bob = clientOf(t, b.url, { sub: 'bob', name: 'Bob' }).room<Cards & AppEvents>('acme', 'board-1')
  const eve = clientOf(t, b.url, { sub: 'eve' }).room<Cards>('acme', 'board-2')
  const foreignEpoch = record(eve)
  await Promise.all([heard(ann, 'joined'), heard(bob, 'joined'), heard(eve, 'joined')])

  const moved: string[] = []
  bob.on('CARD_MOVED', ({ payload, userId, offset }) => moved.push(`${userId} ${payload.card} ${payload.column} ${offset}`))
  const receipt = await ann.publish('CARD_MOVED', { card: 'c1', column: 2 })
  t.match(receipt, { offset: 1, duplicate: false, instances: 2 })
  await eventually(() => moved.length === 1)
  t.strictSame(moved, ['ann c1 2 1'])
  t.strictSame(bob.position, { epoch: receipt.epoch, offset: 1 })

  const cursor = heard(bob, 'update', ({ event }) => event === 'cursor')
  t.equal((await ann.publish('cursor', { x: 1, y: 2 }, { ephemeral: true })).offset, null)
  t.equal((await cursor).offset, undefined)
  t.equal(bob.position?.offset, 1, 'an ephemeral update moves no position')

  const renamed = heard(bob, 'update', ({ event }) => event === 'UPDATE_APP')
  await call(a.url, 'PUT', '/api/v1/apps/', { token: token(), body: { workspaceId: 'acme', appId: 'board-1', displayName: 'Plans' } })
  await renamed

  await eventually(() => ann.presence.count === 2 && bob.presence.count === 2)
  t.strictSame(ann.presence.collaborators.map(({ displayName }) => displayName).sort(), ['Ann', 'Bob'])
  const gone = heard(ann, 'presence', ({ left }) => left.some(({ userId }) => userId === 'bob'))
  bob.leave()
  t.match(await gone, { count: 1, joined: [] })
  await eve.publish('CARD_MOVED', { card: 'own', column: 1 })
  await eventually(() => foreignEpoch.payloads.length > 0)
  t.strictSame(foreignEpoch.payloads, [{ card: 'own', column: 1 }])
  t.strictSame(moved.length, 1, 'no second delivery, and nothing after leaving')
})

test('a forbidden subscription is reported once and not retried; another room continues', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const client = clientOf(t, instance.url, { capabilities: { 'acme/board-1': ['subscribe'] } })
  const open = client.room('acme', 'board-1')
  const shut = client.room('acme', 'secret')
  const log = record(shut)
  await Promise.all([heard(open, 'joined'), heard(shut, 'error')])
  await t.rejects(open.publish('N', 1), { code: 'auth/forbidden', retryable: false })
  await t.rejects(shut.publish('N', 1), { code: 'auth/forbidden' })
  t.strictSame(log.errors.map(({ code }) => code), ['auth/forbidden'])
  t.notOk(shut.isJoined)
  t.strictSame(open.presence, { collaborators: [], count: 0 })
})

test('a room token adds its actions in its room only', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const client = clientOf(t, instance.url, { capabilities: {} })
  const room = client.room('acme', 'board-1', { token: () => token({ capabilities: { 'acme/board-1': ['subscribe', 'publish'] } }) })
  const early = room.publish('N', 'waits for the room')
  await heard(room, 'joined')
  t.equal((await early).offset, 1)
  const other = client.room('acme', 'board-2')
  t.match(await heard(other, 'error'), { code: 'auth/forbidden' })
})

test('an operator ends a subscription, then the connection: the client is told and does not reconnect', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const client = clientOf(t, instance.url, { sub: 'ann' })
  const room = client.room('acme', 'board-1')
  await heard(room, 'joined')
  const ended = heard(room, 'error')
  await call(instance.url, 'POST', '/api/v1/sessions/unsubscribe', { token: token({ sub: 'ops' }), body: { userId: 'ann', workspaceId: 'acme', appId: 'board-1' } })
  t.match(await ended, { code: 'auth/unsubscribed' })
  t.notOk(room.isJoined)

  const closed = told(client, 'status', status => status === 'closed')
  const reason = told(client, 'error')
  await call(instance.url, 'POST', '/api/v1/sessions/disconnect', { token: token({ sub: 'ops' }), body: { userId: 'ann' } })
  t.match(await reason, { code: 'auth/disconnected', retryable: false })
  await closed
  t.notOk(client.socket.active, 'nothing is under way to connect again')

  client.connect()
  await told(client, 'status', status => status === 'connected')
  await heard(client.room('acme', 'board-2'), 'joined')
  t.notOk(room.isJoined, 'who was put out of a room does not slip in again')
})

test('an unpublished update fails with a code when the client is closed', async t => {
  const client = clientOf(t, 'http://127.0.0.1:9')
  const waiting = client.room('acme', 'board-1').publish('N', 1)
  client.close()
  await t.rejects(waiting, { code: 'client/closed' })
  t.equal(client.status, 'closed')
})

test('a publish that finds no service in time fails with a code; a cursor meanwhile goes nowhere', async t => {
  const client = clientOf(t, 'http://127.0.0.1:9', {}, { publishTimeoutMs: 300 })
  const room = client.room('acme', 'board-1')
  t.match(await room.publish('cursor', 1, { ephemeral: true }), { offset: null, instances: 0 })
  await t.rejects(room.publish('N', 1), { code: 'client/no-answer', retryable: true })
})
