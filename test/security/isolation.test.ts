// Rooms are kept apart: no id, name, payload or claim gets an update into a room that it does not belong to.
import t, { test } from 'tap'
import {
  call, connect, eventually, nextEvent, noEvent, publish, roomEvent, startInstance, startRedis, subscribe, token, unsubscribe
} from '../helpers/index.ts'
import type { Update } from '../../services/wire/protocol.ts'

const redis = await startRedis(t)
const service = await startInstance(t, { REDIS_URL: redis.url })
await service.ready()

const ann = () => token({ sub: 'ann', capabilities: { 'acme/board-1': ['subscribe', 'publish', 'presence'], 'shop/*': ['subscribe'] } })

test('another workspace and another app are refused, for every request over HTTP and sockets', async t => {
  const socket = await connect(t, service.url, { token: ann() })
  for (const [workspaceId, appId] of [['acme', 'board-2'], ['other', 'board-1'], ['ACME', 'board-1'], ['acme', 'board-1.'], ['acme.', 'board-1']] as const) {
    t.equal((await subscribe(socket, workspaceId, appId)).error?.code, 'auth/forbidden')
    const room = { workspaceId, appId }
    const published = await socket.emitWithAck('publish', { ...room, event: 'N', payload: 1 }) as { error: { code: string } }
    t.equal(published.error.code, 'auth/forbidden')
    const present = await socket.emitWithAck('presence', room) as { error: { code: string } }
    t.equal(present.error.code, 'auth/forbidden')
    const base = `/api/v1/workspaces/${workspaceId}/apps/${appId}`
    for (const answer of [
      await publish(service.url, { ...room, event: 'N', payload: 1 }, ann()),
      await call(service.url, 'PUT', '/api/v1/apps/', { token: ann(), body: { ...room, displayName: 'X' } }),
      await call(service.url, 'GET', `${base}/history?limit=1`, { token: ann() }),
      await call(service.url, 'GET', `${base}/presence`, { token: ann() }),
      await call(service.url, 'POST', '/api/v1/sessions/unsubscribe', { token: ann(), body: { ...room, userId: 'bob' } })
    ]) {
      t.equal(answer.status, 403)
      t.equal(answer.body.error?.code, 'auth/forbidden')
    }
  }
})

test('an action that the token does not name is refused where others are allowed', async t => {
  const socket = await connect(t, service.url, { token: ann() })
  t.equal((await subscribe(socket, 'shop', 'cart')).status, 'SUCCESS')
  t.equal((await publish(service.url, { workspaceId: 'shop', appId: 'cart', event: 'N', payload: 1 }, ann())).status, 403)
  const present = await socket.emitWithAck('presence', { workspaceId: 'shop', appId: 'cart' }) as { error: { code: string } }
  t.equal(present.error.code, 'auth/forbidden')
})

test('`*`, arrays, objects, paths and broken ids are no rooms, and are not echoed', async t => {
  const socket = await connect(t, service.url, { token: token() })
  const ids: unknown[] = [
    '*', '', 'a/b', '../acme', 'a\n', 'acme\u0000', 'ä', 'x'.repeat(65), '$', null, 1, true, {}, [], ['acme'], { toString: 'acme' }, '__proto__/', 'a:b', 'a{b}'
  ]
  for (const id of ids) {
    for (const room of [{ workspaceId: id, appId: 'board-1' }, { workspaceId: 'acme', appId: id }]) {
      const answer = await socket.emitWithAck('application', { event: 'SUBSCRIBE', payload: room }) as { error: { code: string }, payload: object }
      t.equal(answer.error.code, 'request/invalid', JSON.stringify(room))
      t.strictSame(answer.payload, id === room.workspaceId ? { appId: 'board-1' } : { workspaceId: 'acme' })
      const posted = await call(service.url, 'POST', '/api/v1/publish', { token: token(), body: { ...room, event: 'N', payload: 1 } })
      t.equal(posted.body.error?.code, 'request/invalid', JSON.stringify(room))
    }
  }
  for (const path of ['*/apps/*', '%2e%2e/apps/x', 'a%2Fb/apps/c', '$/apps/commands']) {
    const answer = await call(service.url, 'GET', `/api/v1/workspaces/${path}/history`, { token: token() })
    t.ok([400, 404].includes(answer.status), path)
  }
})

test('prototype names are rooms like any other', async t => {
  const socket = await connect(t, service.url, { token: token() })
  const other = await connect(t, service.url, { token: token() })
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    t.equal((await subscribe(socket, name, name)).status, 'SUCCESS')
    await subscribe(other, name, 'other')
    const heard = nextEvent<Update>(socket, roomEvent(name, name))
    t.equal((await publish(service.url, { workspaceId: name, appId: name, event: 'N', payload: 1 })).status, 200)
    t.match(await heard, { workspaceId: name, appId: name, offset: 1 })
    await noEvent(other, roomEvent(name, name), () => subscribe(other, 'acme', 'barrier'))
  }
  const nobody = await connect(t, service.url, { token: token({ capabilities: { 'acme/board-1': ['subscribe'] } }) })
  for (const name of ['__proto__', 'constructor', 'toString']) t.equal((await subscribe(nobody, name, name)).error?.code, 'auth/forbidden')
})

test('rooms whose names collide in the event (`a_app_b`/`c` and `a`/`b_app_c`) do not hear each other', async t => {
  const [first, second] = [await connect(t, service.url, { token: token() }), await connect(t, service.url, { token: token() })]
  await subscribe(first, 'a_app_b', 'c')
  await subscribe(second, 'a', 'b_app_c')
  const name = roomEvent('a', 'b_app_c')
  t.equal(name, roomEvent('a_app_b', 'c'))
  const heard = nextEvent<Update>(second, name)
  await noEvent(first, name, async () => {
    await publish(service.url, { workspaceId: 'a', appId: 'b_app_c', event: 'N', payload: 1 })
    t.match(await heard, { workspaceId: 'a', appId: 'b_app_c' })
    await subscribe(first, 'acme', 'barrier')
  })
  const history = await call(service.url, 'GET', '/api/v1/workspaces/a_app_b/apps/c/history?limit=1', { token: token() })
  t.match(history.body.data, { offset: 0, updates: [] })
  const limited = token({ capabilities: { 'a/b_app_c': ['subscribe'] } })
  t.equal((await subscribe(await connect(t, service.url, { token: limited }), 'a_app_b', 'c')).error?.code, 'auth/forbidden')
})

test('userId in a payload is ignored: it comes from the token', async t => {
  const socket = await connect(t, service.url, { token: ann() })
  const outsider = await connect(t, service.url, { token: token() })
  await subscribe(socket, 'acme', 'board-1')
  await subscribe(outsider, 'acme', 'board-2')
  const name = roomEvent('acme', 'board-1')
  const forged = { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: { userId: 'boss' }, userId: 'boss', sub: 'boss' }
  for (const send of [() => socket.emitWithAck('publish', forged), () => publish(service.url, forged, ann())]) {
    const heard = nextEvent<Update>(socket, name)
    await send()
    t.match(await heard, { userId: 'ann', payload: { userId: 'boss' } })
  }
  await noEvent(outsider, name, () => subscribe(outsider, 'acme', 'barrier'))
  const users = await eventually(async () => {
    const listed = await socket.emitWithAck('presence', { workspaceId: 'acme', appId: 'board-1', userId: 'boss' }) as { data: { collaborators: Array<{ userId: string }> } }
    return listed.data.collaborators.length > 0 && listed.data.collaborators.map(({ userId }) => userId)
  })
  t.strictSame(users, ['ann'])
})

test("another socket's id opens nothing", async t => {
  const victim = await connect(t, service.url, { token: token({ sub: 'victim' }) })
  await subscribe(victim, 'acme', 'board-1')
  const id = victim.id ?? ''
  for (const sid of [id, `${id}.`, '__proto__', 'constructor', 'toString', `${id}&sid=${id}`]) {
    for (const request of [{}, { method: 'POST', body: '41' }]) {
      const answer = await fetch(`${service.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, request)
      await answer.text()
      t.equal(answer.status, 400, sid)
    }
  }
  const eve = await connect(t, service.url, { token: token({ sub: 'eve' }) })
  await noEvent(eve, roomEvent('acme', 'board-1'), async () => {
    const heard = nextEvent<Update>(victim, roomEvent('acme', 'board-1'))
    await eve.emitWithAck('application', { event: 'UNSUBSCRIBE', payload: { workspaceId: 'acme', appId: 'board-1', socketId: id, id } })
    await publish(service.url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 1 })
    await heard
    await unsubscribe(eve, 'acme', 'board-1')
  })
  t.ok(victim.connected)
})

test('ids of different users never meet, however they are spelt', async t => {
  const pairs: Array<[string, string]> = [['a', 'b:c'], ['a:b', 'c'], ['a%3Ab', 'c'], ['a:b:c', 'd'], ['a', 'b:c:d']]
  for (const [i, [sub, id]] of pairs.entries()) {
    const { body } = await publish(service.url, { workspaceId: 'acme', appId: 'ids', event: 'N', payload: i, id }, token({ sub }))
    t.match(body.data, { duplicate: false, offset: i + 1 }, `${sub} ${id}`)
  }
})
