// Presence over instances: people, not sockets; told in batches; steady through reconnects.
import type { Socket } from 'socket.io-client'
import { test } from 'tap'
import type { PresenceList } from '../services/wire/protocol.ts'
import { call, connect, eventually, noEvent, subscribe, token, unsubscribe } from './helpers/index.ts'
import { ask, member, pair, room, users, watcher } from './helpers/presence.ts'

test('presence is the same on every instance, for the event, the route and the changes; other rooms get nothing', async t => {
  const { a, b } = await pair(t)
  const ann = await watcher(t, a, 'ann')
  const eve = await connect(t, a.url, { token: token({ sub: 'eve' }) })
  await subscribe(eve, 'acme', 'board-2')
  await eventually(async () => (await eve.timeout(5000).emitWithAck('presence', { ...room, appId: 'board-2' })).data.count === 1)

  let bob: Socket | undefined
  await noEvent(eve, 'presence', async () => {
    bob = await member(t, b, { sub: 'bob', name: 'Bob', picture: 'https://example.com/bob.png', email: 'bob@example.com' })
    await eventually(() => ann.log.includes('+bob'))
    await subscribe(eve, 'acme', 'barrier')
  }).catch((error: Error) => {
    // Its own arrival at the barrier may be told before the answer is handled.
    if (error.message.includes('"appId":"board-1"')) throw error
  })
  if (bob === undefined) return t.fail('no bob')
  const change = ann.changes.at(-1)
  t.match(change, { ...room, left: [], count: 2 })
  t.match(change?.joined[0], { userId: 'bob', displayName: 'Bob', photoURL: 'https://example.com/bob.png', sessions: [{ id: bob.id, state: null }] })
  t.notOk(Object.hasOwn(change?.joined[0] ?? {}, 'email'), 'no email unless it is shared')
  const [byAnn, byBob] = [await ask(ann.socket), await eventually(async () => {
    const answer = await ask(bob as Socket)
    return answer.data?.count === 2 && answer
  })]
  const sorted = (list: PresenceList | null) => list?.collaborators.slice().sort((x, y) => x.userId.localeCompare(y.userId))
  t.strictSame(sorted(byAnn.data), sorted(byBob.data), 'colors too')
  t.match(byAnn.data?.collaborators[0]?.color, /^#[0-9a-f]{6}$/)
  for (const instance of [a, b]) t.equal(await users(instance), 'ann bob')

  await unsubscribe(bob, room.workspaceId, room.appId)
  await eventually(() => ann.log.includes('-bob'))
  t.equal(ann.count(), 1)
  t.strictSame(ann.log, ['+ann', '+bob', '-bob'])
})

test('one user with three tabs is one collaborator with three sessions, gone with the last of them', async t => {
  const { a, b } = await pair(t, { PRESENCE_LINGER_MS: '0' })
  const ann = await watcher(t, a, 'ann')
  const tabs = [await member(t, a, { sub: 'bob' }), await member(t, b, { sub: 'bob' }), await member(t, b, { sub: 'bob' })]
  const bob = await eventually(async () => {
    const { data } = await ask(ann.socket)
    const found = data?.collaborators.find(({ userId }) => userId === 'bob')
    return found?.sessions.length === 3 && data?.count === 2 && found
  })
  t.strictSame(bob.sessions.map(({ id }) => id).sort(), tabs.map(({ id }) => id).sort())
  for (const tab of tabs) tab.close()
  await eventually(() => ann.log.includes('-bob'))
  t.strictSame(ann.log, ['+ann', '+bob', '-bob'])
  t.equal((await ask(ann.socket)).data?.count, 1)
})

test('a subscribed user is visible at once on this instance, and an unsubscribed one is not', async t => {
  const { a, b } = await pair(t, { PRESENCE_BATCH_MS: '2000' })
  const ann = await connect(t, a.url, { token: token({ sub: 'ann' }) })
  await subscribe(ann, room.workspaceId, room.appId)
  t.match((await ask(ann)).data, { count: 1, collaborators: [{ userId: 'ann', sessions: [{ id: ann.id, state: null }] }] })
  t.equal(await users(a), 'ann')
  const bob = await connect(t, a.url, { token: token({ sub: 'bob' }) })
  await subscribe(bob, room.workspaceId, room.appId)
  t.equal((await ask(bob)).data?.count, 2)
  await unsubscribe(bob, room.workspaceId, room.appId)
  t.match((await ask(ann)).data, { count: 1, collaborators: [{ userId: 'ann' }] })
  await eventually(async () => await users(b) === 'ann', 10_000)
  t.equal(await users(a), 'ann')
})

test('many who come at once are told in batches', async t => {
  const { a, b } = await pair(t, { PRESENCE_BATCH_MS: '500' })
  const ann = await watcher(t, a, 'ann')
  const before = ann.changes.length
  const sockets = await Promise.all(Array.from({ length: 30 }, (_, i) => connect(t, (i % 2 ? a : b).url, { token: token({ sub: `user-${i}` }) })))
  await Promise.all(sockets.map(socket => subscribe(socket, room.workspaceId, room.appId)))
  await eventually(() => ann.count() === 31)
  t.equal(new Set(ann.log).size, 31)
  t.ok(ann.changes.length - before <= 6, `${ann.changes.length - before} events for 30 people`)
})

test('a reconnect within the linger makes no leave and join, on the same instance and on another; a longer absence does', async t => {
  const { a, b } = await pair(t, { PRESENCE_LINGER_MS: '3000' })
  const ann = await watcher(t, a, 'ann')
  const first = await member(t, a, { sub: 'bob' })
  await eventually(() => ann.log.includes('+bob'))
  first.io.engine.close()
  const second = await member(t, a, { sub: 'bob' })
  second.io.engine.close()
  const third = await member(t, b, { sub: 'bob' })
  await eventually(async () => {
    const { data } = await ask(ann.socket)
    const sessions = data?.collaborators.find(({ userId }) => userId === 'bob')?.sessions
    return sessions?.length === 1 && sessions[0]?.id === third.id
  }, 10_000)
  t.strictSame(ann.log, ['+ann', '+bob'])
  t.equal(await users(b), 'ann bob')
  third.io.engine.close()
  await eventually(() => ann.log.includes('-bob'), 10_000)
  t.strictSame(ann.log, ['+ann', '+bob', '-bob'])
})

test('a user removed from a room for good leaves at once, and a renewed subscription changes nothing', async t => {
  const { a, b } = await pair(t, { PRESENCE_LINGER_MS: '60000' })
  const ann = await watcher(t, a, 'ann')
  const bob = await member(t, b, { sub: 'bob' })
  await eventually(() => ann.log.includes('+bob'))
  await subscribe(bob, room.workspaceId, room.appId)
  await call(b.url, 'POST', '/api/v1/sessions/unsubscribe', { token: token({ sub: 'ops' }), body: { userId: 'bob', ...room } })
  await eventually(() => ann.log.includes('-bob'))
  t.strictSame(ann.log, ['+ann', '+bob', '-bob'])
  for (const [path, target] of [['sessions/disconnect', { userId: 'eve' }], ['tokens/revoke', { userId: 'eve', issuedBefore: Date.now() + 60_000 }]] as const) {
    ann.log.length = 0
    await member(t, b, { sub: 'eve' })
    await eventually(() => ann.log.includes('+eve'))
    await call(b.url, 'POST', `/api/v1/${path}`, { token: token({ sub: 'ops' }), body: target })
    await eventually(() => ann.log.includes('-eve'))
    t.strictSame(ann.log, ['+eve', '-eve'], path)
  }
})
