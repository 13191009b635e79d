// Who may see whom, and how much of them: the capability, PRESENCE_MAX, the email.
import { test } from 'tap'
import type { PresenceList } from '../services/wire/protocol.ts'
import { call, connect, eventually, noEvent, startInstance, subscribe, token } from './helpers/index.ts'
import { ask, member, pair, room, ROUTE, users, watcher } from './helpers/presence.ts'

test('without the capability one neither sees nor is seen', async t => {
  const { a, b } = await pair(t)
  const ann = await watcher(t, a, 'ann')
  const spy = await connect(t, b.url, { token: token({ sub: 'spy', capabilities: { '*/*': ['subscribe', 'publish'] } }) })
  await noEvent(spy, 'presence', async () => {
    await subscribe(spy, room.workspaceId, room.appId)
    await member(t, b, { sub: 'bob' })
    await eventually(() => ann.log.includes('+bob'))
    t.match(await ask(spy), { status: 'ERROR', error: { code: 'auth/forbidden' } })
  })
  t.strictSame(ann.log, ['+ann', '+bob'])
  t.equal(await users(b), 'ann bob')
  const answer = await call(a.url, 'GET', ROUTE, { token: token({ sub: 'spy', capabilities: { '*/*': ['subscribe', 'manage'] } }) })
  t.match([answer.status, answer.body.error?.code], [403, 'auth/forbidden'])

  // The capability comes with a fresh token, and goes with another.
  const renew = async (actions: string[]) => await spy.timeout(5000).emitWithAck('authenticate', { token: token({ sub: 'spy', capabilities: { '*/*': actions } }) })
  await renew(['subscribe', 'presence'])
  await eventually(() => ann.log.includes('+spy'))
  await renew(['subscribe'])
  await eventually(() => ann.log.includes('-spy'))
  await noEvent(spy, 'presence', async () => {
    await member(t, a, { sub: 'carl' })
    await eventually(() => ann.log.includes('+carl'))
    await ask(spy)
  })
})

test('above PRESENCE_MAX only the count is told, and below it again everyone', async t => {
  const { a, b } = await pair(t, { PRESENCE_MAX: '2', PRESENCE_LINGER_MS: '0' })
  const ann = await watcher(t, a, 'ann')
  const bob = await member(t, b, { sub: 'bob' })
  await eventually(() => ann.count() === 2)
  const carl = await member(t, b, { sub: 'carl' })
  await eventually(() => ann.count() === 3)
  t.match(ann.changes.at(-1), { joined: [], left: [], count: 3 })
  for (const answer of [await ask(ann.socket), (await call<PresenceList>(b.url, 'GET', ROUTE, { token: token() })).body]) {
    t.strictSame(answer.data, { collaborators: [], count: 3 })
  }
  carl.close()
  await eventually(() => ann.count() === 2)
  t.strictSame((await ask(ann.socket)).data?.collaborators.map(({ userId }) => userId).sort(), ['ann', 'bob'])
  bob.close()
  await eventually(() => ann.count() === 1)
})

test('the email is shared only where the setting says so, and a picture only from the web', async t => {
  const instance = await startInstance(t, { PRESENCE_SHARE_EMAIL: 'true' })
  await instance.ready()
  await member(t, instance, { sub: 'bob', email: 'bob@example.com', picture: 'javascript:1' })
  const socket = await member(t, instance, { sub: 'ann' })
  const { data } = await eventually(async () => {
    const answer = await ask(socket)
    return answer.data?.count === 2 && answer
  })
  t.match(data?.collaborators.find(({ userId }) => userId === 'bob'), { email: 'bob@example.com', photoURL: null, displayName: 'bob' })
})
