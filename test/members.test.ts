// The members of rooms, as the webhook tells them.
import { setTimeout as pause } from 'node:timers/promises'
import type { Socket } from 'socket.io-client'
import { test } from 'tap'
import { cluster, connect, eventually, membersWebhook, startClock, startInstance, startReceiver, startRedis, subscribe, token, unsubscribe, type Receiver } from './helpers/index.ts'

const LEASE_MS = 2000
const LINGER_MS = 1500

function settingsFor (receiver: Receiver) {
  return membersWebhook(receiver, LEASE_MS, LINGER_MS)
}

test('a member is a user: three tabs on three instances are one event, with the name; who is not seen is not told; nothing new is told unasked', async t => {
  const redis = await startRedis(t)
  const [receiver, unasked] = [await startReceiver(t), await startReceiver(t)]
  const [a, b, c] = await cluster(t, 3, { REDIS_URL: redis.url, ...settingsFor(receiver) })
  const d = await startInstance(t, { ...settingsFor(unasked), WEBHOOK_EVENTS: '' })
  await Promise.all([a, b, c, d].map(instance => instance.ready()))
  const tabs = await Promise.all([a, b, c].map(({ url }) => connect(t, url, { token: token({ sub: 'ann', name: 'Ann' }) })))
  const spy = await connect(t, a.url, { token: token({ sub: 'spy', capabilities: { '*/*': ['subscribe'] } }) })
  const other = await connect(t, d.url, { token: token({ sub: 'ann' }) })
  for (const socket of [spy, ...tabs, other]) await subscribe(socket, 'acme', 'board-1')
  await eventually(() => receiver.events('board-1').length === 2)
  for (const socket of tabs.slice(1)) await unsubscribe(socket, 'acme', 'board-1')
  tabs[0]?.disconnect()
  await eventually(() => receiver.events('board-1').length === 3)
  spy.disconnect()
  await eventually(() => receiver.events('board-1').length === 4)
  t.strictSame(receiver.events('board-1'), ['room.occupied', 'member.joined', 'member.left', 'room.vacated'])
  const told = receiver.requests.flatMap(({ events }) => events).filter(event => 'userId' in event)
  for (const event of told) t.match(event, { id: String, workspaceId: 'acme', appId: 'board-1', userId: 'ann', displayName: 'Ann', at: Number })
  t.equal(new Set(told.map(({ id }) => id)).size, 2)
  await eventually(() => unasked.events('board-1').length === 1)
  t.strictSame(unasked.events('board-1'), ['room.occupied'])
})

test('what the receiver did not take before its instance was killed, the others tell', async t => {
  const redis = await startRedis(t)
  let isAway = true
  const receiver = await startReceiver(t, () => isAway ? 503 : 200)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url, ...settingsFor(receiver), WEBHOOK_TIMEOUT_MS: '60000' })
  await Promise.all([a.ready(), b.ready()])
  const ann = await connect(t, a.url, { token: token() })
  const bob = await connect(t, b.url, { token: token({ sub: 'bob' }) })
  for (const socket of [ann, bob]) await subscribe(socket, 'acme', 'board-1')
  await unsubscribe(ann, 'acme', 'board-1')
  await eventually(() => receiver.requests.length >= 2)
  await a.kill()
  isAway = false
  const clock = startClock(t)
  await eventually(() => receiver.taken().length === 4, 15_000)
  t.ok(clock.now() < LEASE_MS + LINGER_MS + 1000, `${Math.round(clock.now())} ms`)
  t.strictSame(receiver.taken().map(id => id.split('.')[1]).toSorted(), ['joined', 'joined', 'left', 'occupied'])
  t.equal(new Set(receiver.taken()).size, 4)
})

test('an instance that was taken for dead: its people have left, and are told again when it comes to', async t => {
  const redis = await startRedis(t)
  const receiver = await startReceiver(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url, ...settingsFor(receiver), WEBHOOK_EVENTS: 'member.joined,member.left' })
  await Promise.all([a.ready(), b.ready()])
  // An event may be delivered twice, with the same id.
  const told = () => [...new Map(receiver.requests.flatMap(({ events }) => events).map(event => [event.id, event])).values()]
  const [ann, bob] = await Promise.all([connect(t, a.url, { token: token() }), connect(t, b.url, { token: token({ sub: 'bob' }) })])
  for (const socket of [ann, bob]) await subscribe(socket, 'acme', 'board-1')
  await eventually(() => told().length === 2)
  a.pause()
  await eventually(() => told().length === 3, 10_000)
  a.resume()
  await eventually(() => told().length === 4, 10_000)
  ann.disconnect()
  await eventually(() => told().length === 5, 10_000)
  t.strictSame(told().filter(event => 'userId' in event && event.userId === 'ann').map(({ event }) => event), ['member.joined', 'member.left', 'member.joined', 'member.left'])
})

test('a Redis that hangs for longer than a lease: nobody seems to leave, and who came and went meanwhile is told', async t => {
  const redis = await startRedis(t)
  const receiver = await startReceiver(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url, ...settingsFor(receiver), WEBHOOK_EVENTS: 'member.joined,member.left' })
  await Promise.all([a.ready(), b.ready()])
  const [ann, bob, carl] = await Promise.all(['ann', 'bob', 'carl'].map((sub, i) => connect(t, [a, b][i % 2]?.url ?? '', { token: token({ sub }) })))
  for (const socket of [ann, bob]) await subscribe(socket as Socket, 'acme', 'board-1')
  await subscribe(carl as Socket, 'acme', 'board-2')
  await eventually(() => receiver.taken().length === 3)
  redis.pause()
  await unsubscribe(ann as Socket, 'acme', 'board-1')
  await pause(LEASE_MS + 1000)
  redis.resume()
  await Promise.all([a.ready(), b.ready()])
  // The barriers: each instance has reported since.
  for (const socket of [bob, carl]) await eventually(async () => (await subscribe(socket as Socket, 'acme', 'board-3')).status === 'SUCCESS')
  await eventually(() => receiver.events('board-3').length === 2, 10_000)
  const told = new Map(receiver.requests.flatMap(({ events }) => events).map(event => [event.id, event]))
  t.strictSame([...told.values()].filter(({ event }) => event === 'member.left').map(event => 'userId' in event && `${event.appId} ${event.userId}`), ['board-1 ann'])
  t.equal(told.size, 6)
})
