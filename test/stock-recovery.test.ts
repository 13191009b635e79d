// A stock client that comes back: what it is handed, in which order, and what it is told where its rooms cannot be had.
import type { FastifyInstance } from 'fastify'
import { test, type Test } from 'tap'
import {
  buildReady, call, comeBack, connect, cut, eventually, followStock, HOST, nextEvent, noEvent, openWebSocket, roomEvent, settled, subscribe, subscribeAndLeave, token, unsubscribe, upTo
} from './helpers/index.ts'

const BOARD = 'acme/board-1'
const EVENT = roomEvent('acme', 'board-1')
const RECONNECTION = { transports: ['websocket'], reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 20 }

async function start (t: Test, env: Record<string, string> = {}) {
  const server = await buildReady(t, env)
  const url = await server.listen({ host: HOST, port: 0 })
  return { server, url, publish: (room: string, payload: unknown, rest = {}) => publishTo(server, room, payload, rest) }
}

async function publishTo ({ roomcast }: FastifyInstance, room: string, payload: unknown, rest: object) {
  const [workspaceId = '', appId = ''] = room.split('/')
  return await roomcast.publisher.publish({ workspaceId, appId, event: 'N', payload, userId: 'svc', ...rest })
}

test('CONNECT with the old pid, then what was missed, in order, then what is live; nobody else hears it', async t => {
  const { url, publish } = await start(t)
  const left = await subscribeAndLeave(t, url, [BOARD])
  t.match(left.offset, /^acme\/board-1:[\w-]+:0$/)
  const eve = await connect(t, url, { token: token({ sub: 'eve' }) })
  await subscribe(eve, 'acme', 'board-2')
  await noEvent(eve, EVENT, async () => {
    for (const n of upTo(20)) await publish(BOARD, n)
    const { raw, isRecovered, updates } = await comeBack(t, url, left)
    t.ok(isRecovered)
    await publish(BOARD, 21)
    await eventually(() => updates().length === 21)
    t.match(raw.frames.map(frame => frame.slice(0, 2)), ['0{', '40', ...upTo(21).map(() => '42')])
    const seen = updates().map(frame => JSON.parse(frame.slice(2)) as [string, { offset: number, epoch: string }, string])
    t.strictSame(seen.map(([, { offset }]) => offset), upTo(21))
    t.ok(seen.every(([, { epoch, offset }, positions]) => positions === `${BOARD}:${epoch}:${offset}`))
    await subscribe(eve, 'acme', 'barrier')
  })
})

test('positions stand on updates and answers; not on ephemeral updates and presence, and on nothing for who wants none', async t => {
  const { url, publish } = await start(t)
  const heard = new Map<string, unknown[][]>()
  const sockets = await Promise.all([{}, { auth: { token: token(), positions: false } }].map(options => connect(t, url, { token: token(), ...options })))
  for (const [i, socket] of sockets.entries()) socket.onAny((event: string, ...args: unknown[]) => heard.set(`${i} ${event}`, [...heard.get(`${i} ${event}`) ?? [], args]))
  for (const socket of sockets) await subscribe(socket, 'acme', 'board-1')
  await publish(BOARD, 1)
  const both = sockets.map(socket => nextEvent(socket, EVENT, ({ payload }) => payload === 'e'))
  await publish(BOARD, 'e', { ephemeral: true })
  await Promise.all(both)
  await Promise.all(sockets.map(socket => eventually(() => heard.get(`${sockets.indexOf(socket)} presence`))))
  await unsubscribe(sockets[0] as typeof sockets[0] & object, 'acme', 'board-1')
  t.strictSame(heard.get(`0 ${EVENT}`)?.map(args => args.length), [2, 1])
  t.match(heard.get('0 application_response')?.map(args => args[1]), [/^acme\/board-1:[\w-]+:0$/, ''], 'what was left is gone from them')
  t.ok(heard.get('0 presence')?.every(args => args.length === 1))
  for (const [name, events] of heard) if (name.startsWith('1 ')) t.ok(events.every(args => args.length === 1), name)
})

test('a room whose UNSUBSCRIBE got no answer comes back with the connection, and is left by asking again', async t => {
  const { url, publish } = await start(t)
  // The positions of before: those in the answer never came.
  const { raw, isRecovered, updates } = await comeBack(t, url, await subscribeAndLeave(t, url, [BOARD]))
  t.ok(isRecovered)
  await publish(BOARD, 1)
  await eventually(() => updates().length === 1)
  raw.send(`42${JSON.stringify(['application', { event: 'UNSUBSCRIBE', payload: { workspaceId: 'acme', appId: 'board-1' } }])}`)
  const answer = JSON.parse((await raw.frame('42["application_response",{"event":"UNSUBSCRIBE"')).slice(2)) as unknown[]
  t.match(answer, ['application_response', { status: 'SUCCESS' }, ''])
  await publish(BOARD, 2)
  await settled(raw)
  t.equal(updates().length, 1, 'nothing comes any more')
})

test('STOCK_RECOVERY=false: no pid, no positions', async t => {
  const { url, publish } = await start(t, { STOCK_RECOVERY: 'false' })
  const { raw, pid } = await comeBack(t, url, { pid: 'a', offset: 'b' })
  t.equal(pid, undefined)
  raw.send(`42${JSON.stringify(['application', { event: 'SUBSCRIBE', payload: { workspaceId: 'acme', appId: 'board-1' } }])}`)
  const answer = JSON.parse((await raw.frame('42["application_response"')).slice(2)) as unknown[]
  await publish(BOARD, 1)
  const update = JSON.parse((await raw.frame('42["workspace_')).slice(2)) as unknown[]
  t.strictSame([answer.length, update.length], [2, 2])
})

test('above 16 rooms there are no positions, and a client begins anew; at 16 it recovers', async t => {
  const { url, publish } = await start(t)
  const rooms = upTo(17).map(n => `many/board-${n}`)
  const follower = await followStock(await connect(t, url, { token: token(), ...RECONNECTION }), rooms)
  const heard = nextEvent(follower.socket, roomEvent('many', 'board-17'))
  const args: number[] = []
  follower.socket.onAny((event: string, ...rest: unknown[]) => { if (event.startsWith('workspace_')) args.push(rest.length) })
  await publish('many/board-17', 1)
  await heard
  t.strictSame(args, [1])
  cut(follower.socket)
  await eventually(() => follower.fresh === 1 && rooms.every(room => follower.position(room)))
  follower.unsubscribe('many/board-17')
  await eventually(() => follower.position('many/board-17') === undefined)
  cut(follower.socket)
  await publish('many/board-16', 1)
  await publish('many/board-17', 2)
  await follower.until('many/board-16', 1)
  t.match(follower, { recovered: 1, fresh: 1, faults: [] })
  t.equal(follower.updates.filter(({ appId }) => appId === 'board-17').length, 1, 'and not what it has left')
})

test('a SUBSCRIBE after recovery renews: without since, or with one from where recovery began; an older one is leave and join; after UNSUBSCRIBE it joins', async t => {
  const { url, publish } = await start(t)
  const socket = await connect(t, url, { token: token(), ...RECONNECTION })
  const seen: number[] = []
  socket.on(EVENT, ({ offset }: { offset: number }) => seen.push(offset))
  const { data: { epoch } } = await subscribe(socket, 'acme', 'board-1')
  for (const n of upTo(3)) await publish(BOARD, n)
  await eventually(() => seen.length === 3)
  cut(socket)
  for (const n of [4, 5]) await publish(BOARD, n)
  await eventually(() => seen.length === 5, 10_000)
  t.ok(socket.recovered)
  const renewed = { epoch, offset: 5, recovered: true, missed: 0 }
  t.strictSame((await subscribe(socket, 'acme', 'board-1')).data, renewed)
  for (const offset of [3, 4, 5]) t.strictSame((await subscribe(socket, 'acme', 'board-1', { epoch, offset })).data, renewed)
  t.strictSame(seen, upTo(5), 'nothing came twice')
  t.strictSame((await subscribe(socket, 'acme', 'board-1', { epoch, offset: 2 })).data, { epoch, offset: 5, recovered: true, missed: 3 })
  await eventually(() => seen.length === 8)
  t.strictSame((await subscribe(socket, 'acme', 'board-1', { epoch: 'another', offset: 5 })).data, { epoch, offset: 5, recovered: false, missed: 0 })
  await unsubscribe(socket, 'acme', 'board-1')
  t.strictSame((await subscribe(socket, 'acme', 'board-1')).data, { epoch, offset: 5, recovered: false, missed: 0 })
  await publish(BOARD, 6)
  await eventually(() => seen.length === 9)
  t.strictSame(seen, [1, 2, 3, 4, 5, 3, 4, 5, 6])
})

test('what was missed may be many times what a connection may hold', async t => {
  const { url, publish } = await start(t, { MAX_BUFFERED_BYTES: '20000', MAX_PAYLOAD_BYTES: '5000', MAX_PACKET_BYTES: '10000' })
  const rooms = [BOARD, 'acme/board-2', 'acme/board-3']
  const follower = await followStock(await connect(t, url, { token: token(), ...RECONNECTION }), rooms)
  follower.socket.io.engine.close()
  for (const n of upTo(40)) for (const room of rooms) await publish(room, `${n}`.repeat(1000))
  for (const room of rooms) await follower.until(room, 40)
  t.match(follower, { recovered: 1, fresh: 0, faults: [], told: [] })
})

test('one room that the new token does not allow: none is recovered, and nothing of any is sent', async t => {
  const { url, publish } = await start(t)
  const left = await subscribeAndLeave(t, url, [BOARD, 'acme/board-2'])
  await publish(BOARD, 1)
  await publish('acme/board-2', 1)
  const { raw, isRecovered, updates } = await comeBack(t, url, { ...left, token: token({ capabilities: { [BOARD]: ['subscribe'] } }) })
  t.notOk(isRecovered)
  await publish(BOARD, 2)
  await settled(raw)
  t.strictSame(updates(), [])
})

test('a room that only a room token allowed: it begins anew', async t => {
  const { url, publish } = await start(t)
  const own = token({ sub: 'bob', capabilities: {} })
  const socket = await connect(t, url, { token: own, ...RECONNECTION })
  t.equal((await subscribe(socket, 'acme', 'board-1', undefined, token({ sub: 'bob' }))).status, 'SUCCESS')
  const heard: unknown[] = []
  socket.on(EVENT, update => heard.push(update))
  cut(socket)
  await publish(BOARD, 1)
  await new Promise<void>(resolve => { socket.once('connect', resolve) })
  t.notOk(socket.recovered)
  t.equal((await subscribe(socket, 'acme', 'board-1')).error?.code, 'auth/forbidden')
  t.strictSame(heard, [])
})

test('an expired or revoked token is refused for good, whatever it brings along', async t => {
  const { server, url } = await start(t)
  const left = await subscribeAndLeave(t, url, [BOARD])
  const now = Math.floor(Date.now() / 1000)
  await server.roomcast.commands.execute({ do: 'revoke', target: { jti: 'gone' } })
  for (const [claims, code] of [[{ exp: now - 1 }, 'auth/token-expired'], [{ jti: 'gone' }, 'auth/token-revoked']] as const) {
    const raw = await openWebSocket(t, url)
    raw.send(`40${JSON.stringify({ token: token(claims), ...left })}`)
    t.match(await raw.frame('44'), code)
    t.notOk(raw.frames.some(frame => frame.startsWith('42')))
  }
})

test('history that no longer reaches back: a fresh start, and no partial replay', async t => {
  const { url, publish } = await start(t, { HISTORY_SIZE: '3', FEED_TAIL_BYTES: '0' })
  const follower = await followStock(await connect(t, url, { token: token(), ...RECONNECTION }), [BOARD, 'acme/board-2'])
  follower.socket.io.engine.close()
  for (const n of upTo(5)) await publish(BOARD, n)
  await publish('acme/board-2', 1)
  await eventually(() => follower.fresh === 1 && follower.position(BOARD)?.offset === 5, 10_000)
  t.strictSame(follower.updates, [])
  await publish(BOARD, 6)
  await follower.until(BOARD, 6)
  t.match(follower, { recovered: 0, fresh: 1, faults: [] })
})

test('a fresh start is not undone by what the client still has from before', async t => {
  const { url, publish } = await start(t)
  const left = await subscribeAndLeave(t, url, [BOARD, 'acme/board-2'])
  const { isRecovered, pid } = await comeBack(t, url, { ...left, token: token({ capabilities: { [BOARD]: ['subscribe'] } }) })
  t.notOk(isRecovered)
  await publish(BOARD, 1)
  const { isRecovered: isUndone, raw, updates } = await comeBack(t, url, { pid, offset: left.offset })
  t.notOk(isUndone, 'it may have loaded its state since')
  await settled(raw)
  t.strictSame(updates(), [])
})

test("another user's pid and positions: a fresh start", async t => {
  const { url } = await start(t)
  const left = await subscribeAndLeave(t, url, [BOARD])
  t.notOk((await comeBack(t, url, { ...left, token: token({ sub: 'bob' }) })).isRecovered)
  t.ok((await comeBack(t, url, left)).isRecovered, 'and the owner has it')
})

test('garbled and hostile positions: a fresh start, nothing of any room, and the process goes on', async t => {
  const { url, publish } = await start(t)
  const left = await subscribeAndLeave(t, url, [BOARD])
  const { epoch } = await publish(BOARD, 1)
  await publish('acme/secret', 1)
  const one = `${BOARD}:${epoch}:0`
  const offsets: unknown[] = [
    '', ';', `${one};`, `;${one}`, `${one};${one}`, `${one};${BOARD}:${epoch}:1`, `${BOARD}:${epoch}:2`, `${BOARD}:${epoch}:-1`, `${BOARD}:${epoch}:00`, `${BOARD}:${epoch}:1e1`,
    `${BOARD}:${epoch}:9999999999999999`, `${BOARD}:another:0`, `${BOARD}:${epoch}`, `acme/*:${epoch}:0`, `*/*:${epoch}:0`, `$/commands:${epoch}:0`, `../..:${epoch}:0`,
    `acme/board-1/x:${epoch}:0`, `acme/board-1\n:${epoch}:0`, `__proto__/x:${epoch}:0`, upTo(17).map(n => `acme/b-${n}:${epoch}:0`).join(';'), 'a'.repeat(100_000), `${one};`.repeat(5000),
    0, null, true, [one], { length: 3, split: 1 }, JSON.parse(`${'['.repeat(2000)}${']'.repeat(2000)}`)
  ]
  for (const offset of offsets) {
    const { raw, isRecovered, updates } = await comeBack(t, url, { pid: left.pid, offset })
    t.notOk(isRecovered, JSON.stringify(offset).slice(0, 60))
    await settled(raw)
    t.strictSame(updates(), [])
    raw.socket.terminate()
  }
  for (const pid of ['', 'x', '.'.repeat(38), `${left.pid}x`, 7, null, [left.pid], { toString: 1 }]) t.notOk((await comeBack(t, url, { pid, offset: left.offset })).pid === pid)
  const { isRecovered, updates } = await comeBack(t, url, left)
  t.ok(isRecovered)
  await eventually(() => updates().length === 1)
  t.equal((await call(url, 'GET', '/livez')).status, 200)
})
