// Operators end access: on every instance within 2 s, also for what comes during or after the command.
import t, { test } from 'tap'
import {
  call, cluster, connect, eventually, nextEvent, noEvent, nowInSeconds, publish, roomEvent, startClock, startInstance, startRedis, subscribe, token, within, type Reply
} from '../helpers/index.ts'
import { ACCEPTED, both, verdicts } from './verdicts.ts'

interface Result { sockets: number, complete: boolean }

const redis = await startRedis(t)
const env = { REDIS_URL: redis.url }
const [a, b] = await cluster(t, 2, env)
await Promise.all([a.ready(), b.ready()])

const operator = () => token({ sub: 'operator', capabilities: { '*/*': ['manage'] } })
const room = { workspaceId: 'acme', appId: 'board-1' }
const EVENT = roomEvent('acme', 'board-1')
const WITHIN_MS = 2000

async function order (what: 'disconnect' | 'unsubscribe' | 'revoke' | 'restore', target: object, bearer = operator()): Promise<Reply<Result>> {
  return await call<Result>(a.url, 'POST', pathOf(what), { token: bearer, body: target })
}

function pathOf (what: string): string {
  return what === 'revoke' || what === 'restore' ? `/api/v1/tokens/${what}` : `/api/v1/sessions/${what}`
}

// Each knows of the other from its heartbeat on.
await eventually(async () => (await order('disconnect', { userId: 'nobody' })).body.data.complete)

test('disconnect closes all connections of a user on both instances, and of nobody else', async t => {
  const sockets = await Promise.all([a, b, b].map(({ url }) => connect(t, url, { token: token({ sub: 'eve' }), reconnection: true })))
  const bystander = await connect(t, b.url, { token: token({ sub: 'bob' }) })
  const told = sockets.map(socket => nextEvent(socket, 'closing', undefined, WITHIN_MS))
  const clock = startClock(t)
  t.strictSame((await order('disconnect', { userId: 'eve' })).body.data, { sockets: 3, complete: true })
  t.ok(clock.now() < 1000, 'answered within 1 s')
  for (const closing of await Promise.all(told)) t.match(closing, { code: 'auth/disconnected', reconnect: false })
  await eventually(() => sockets.every(socket => !socket.connected))
  t.equal((await subscribe(bystander, 'acme', 'board-1')).status, 'SUCCESS')
  t.strictSame((await order('disconnect', { userId: 'eve' })).body.data, { sockets: 0, complete: true })
  await connect(t, b.url, { token: token({ sub: 'eve' }) })
})

test('unsubscribe takes a user out of one room on both instances, and leaves the rest', async t => {
  const sockets = await Promise.all([a, b].map(({ url }) => connect(t, url, { token: token({ sub: 'eve' }) })))
  const bystander = await connect(t, b.url, { token: token({ sub: 'bob' }) })
  for (const socket of [...sockets, bystander]) {
    await subscribe(socket, 'acme', 'board-1')
    await subscribe(socket, 'acme', 'board-2')
  }
  const told = sockets.map(socket => nextEvent(socket, 'unsubscribed', undefined, WITHIN_MS))
  t.strictSame((await order('unsubscribe', { userId: 'eve', ...room })).body.data, { sockets: 2, complete: true })
  for (const ended of await Promise.all(told)) t.match(ended, { ...room, code: 'auth/unsubscribed' })
  const heard = nextEvent(bystander, EVENT)
  await publish(b.url, { ...room, event: 'N', payload: 1 })
  await heard
  for (const socket of sockets) {
    await noEvent(socket, EVENT, async () => {
      const other = nextEvent(socket, roomEvent('acme', 'board-2'))
      await publish(a.url, { ...room, event: 'N', payload: 2 })
      await publish(a.url, { workspaceId: 'acme', appId: 'board-2', event: 'N', payload: 2 })
      await other
    })
  }
})

test('a revoked jti is refused on connect, refresh, recovery and HTTP; its live sockets are closed on both instances', async t => {
  const bad = token({ sub: 'eve', jti: 'bad-1' })
  const good = () => token({ sub: 'eve', jti: 'good-1' })
  const sockets = await Promise.all([a, b].map(({ url }) => connect(t, url, { token: bad })))
  const other = await connect(t, b.url, { token: good() })
  const told = sockets.map(socket => nextEvent(socket, 'closing', undefined, WITHIN_MS))
  t.strictSame((await order('revoke', { jti: 'bad-1' })).body.data, { sockets: 2, complete: true })
  for (const closing of await Promise.all(told)) t.match(closing, { code: 'auth/token-revoked' })
  for (const { url } of [a, b]) {
    t.strictSame(await verdicts(t, url, bad), both('auth/token-revoked'))
    t.strictSame(await verdicts(t, url, good()), ACCEPTED)
  }
  const refreshed = await other.emitWithAck('authenticate', { token: bad }) as { error: { code: string } }
  t.equal(refreshed.error.code, 'auth/token-revoked')
  const { data } = await subscribe(other, 'acme', 'board-1')
  t.equal((await subscribe(other, 'acme', 'board-1', { epoch: data.epoch, offset: data.offset }, bad)).error?.code, 'auth/token-revoked')
})

test('all tokens of a user issued before a time are revoked, later ones and other users are not', async t => {
  const now = nowInSeconds()
  const old = token({ sub: 'mallory', iat: now - 100 })
  const undated = token({ sub: 'mallory' }, { omit: ['iat'] })
  const sockets = [await connect(t, a.url, { token: old }), await connect(t, b.url, { token: undated })]
  const told = sockets.map(socket => nextEvent(socket, 'closing', undefined, WITHIN_MS))
  t.strictSame((await order('revoke', { userId: 'mallory', issuedBefore: (now - 50) * 1000 })).body.data, { sockets: 2, complete: true })
  await Promise.all(told)
  for (const { url } of [a, b]) {
    for (const bearer of [old, undated]) t.strictSame(await verdicts(t, url, bearer), both('auth/token-revoked'))
    t.strictSame(await verdicts(t, url, token({ sub: 'mallory' })), ACCEPTED)
    t.strictSame(await verdicts(t, url, token({ sub: 'ann', iat: now - 100 })), ACCEPTED)
  }
  // An earlier time does not undo it.
  await order('revoke', { userId: 'mallory', issuedBefore: (now - 200) * 1000 })
  t.strictSame(await verdicts(t, b.url, old), both('auth/token-revoked'))
})

test('issuedBefore in seconds, in microseconds, or otherwise out of reach of now is refused, says so, and revokes nothing', async t => {
  const bearer = token({ sub: 'unit' })
  const now = Date.now()
  for (const issuedBefore of [Math.floor(now / 1000) + 60, now * 1000, now * 1e6, 0, now + 31 * 24 * 3_600_000]) {
    const { status, body } = await order('revoke', { userId: 'unit', issuedBefore })
    t.match({ status, ...body.error }, { status: 400, code: 'request/invalid', message: /issuedBefore.*milliseconds/ }, String(issuedBefore))
  }
  for (const { url } of [a, b]) t.strictSame(await verdicts(t, url, bearer), ACCEPTED)
})

test('a revocation is taken back with the same body, on every instance; others stay', async t => {
  const soon = Date.now() + 60_000
  const bearer = (jti: string) => token({ sub: 'pardoned', jti })
  await order('revoke', { jti: 'pardon-1' })
  await order('revoke', { jti: 'pardon-2' })
  await order('revoke', { userId: 'pardoned', issuedBefore: soon })
  t.strictSame((await order('restore', { jti: 'pardon-1' })).body.data, { sockets: 0, complete: true })
  for (const { url } of [a, b]) t.strictSame(await verdicts(t, url, bearer('pardon-1')), both('auth/token-revoked'), 'the user still is')
  t.equal((await order('restore', { userId: 'pardoned', issuedBefore: soon })).status, 200)
  for (const { url } of [a, b]) {
    t.strictSame(await verdicts(t, url, bearer('pardon-1')), ACCEPTED)
    t.strictSame(await verdicts(t, url, bearer('pardon-2')), both('auth/token-revoked'))
  }
  // What was never revoked, or could not be any more, can be restored all the same.
  for (const target of [{ jti: 'never' }, { userId: 'locked out', issuedBefore: Date.now() * 1000 }]) t.equal((await order('restore', target)).status, 200)
  await order('revoke', { jti: 'pardon-1' })
  t.strictSame(await verdicts(t, b.url, bearer('pardon-1')), both('auth/token-revoked'), 'and revoked again')
})

test('a revoked room token ends its room, not the connection', async t => {
  const socket = await connect(t, b.url, { token: token({ sub: 'guest', capabilities: { 'acme/lobby': ['subscribe'] } }) })
  await subscribe(socket, 'acme', 'board-1', undefined, token({ sub: 'guest', jti: 'room-1' }))
  const ended = nextEvent(socket, 'unsubscribed', undefined, WITHIN_MS)
  t.strictSame((await order('revoke', { jti: 'room-1' })).body.data, { sockets: 1, complete: true })
  t.match(await ended, { ...room, code: 'auth/token-revoked' })
  t.equal((await subscribe(socket, 'acme', 'lobby')).status, 'SUCCESS')
  t.equal((await subscribe(socket, 'acme', 'board-1')).error?.code, 'auth/forbidden')
})

test('sockets that connect during the call do not slip through', async t => {
  for (let i = 0; i < 5; i++) {
    const jti = `during-${i}`
    const bearer = token({ sub: 'slippery', jti })
    const attempts = Array.from({ length: 10 }, (_, n) => connect(t, n % 2 === 0 ? a.url : b.url, { token: bearer }).then(
      socket => socket, (error: { data?: { code?: string } }) => error.data?.code))
    const [answer] = await Promise.all([order('revoke', { jti }), ...attempts])
    t.equal(answer.status, 200)
    for (const end of await Promise.all(attempts)) {
      if (typeof end === 'object') await eventually(() => !end.connected, WITHIN_MS)
      else t.equal(end, 'auth/token-revoked')
    }
  }
})

test('revocations outlive FLUSHALL while one instance runs, and are known to one that starts later', async t => {
  const bad = token({ sub: 'eve', jti: 'flushed' })
  const before = token({ sub: 'oldie', iat: nowInSeconds() - 100 })
  await order('revoke', { jti: 'flushed' })
  await order('revoke', { userId: 'oldie', issuedBefore: Date.now() - 50_000 })
  for (let round = 0; round < 2; round++) {
    await redis.client().flushall()
    for (const { url } of [a, b]) t.strictSame(await verdicts(t, url, bad), both('auth/token-revoked'))
    // Written again, once the loss was noticed.
    await eventually(async () => await redis.client().xlen('roomcast:{$/commands}:log') >= 1, 10_000)
    const late = await startInstance(t, env)
    await late.ready()
    for (const bearer of [bad, before]) t.strictSame(await verdicts(t, late.url, bearer), both('auth/token-revoked'))
    t.strictSame(await verdicts(t, late.url, token({ sub: 'eve' })), ACCEPTED)
    await late.kill('SIGKILL')
  }
})

test('each command needs manage on `*/*`, unsubscribe on the room', async t => {
  const some = token({ capabilities: { 'acme/*': ['manage'], '*/board-1': ['manage', 'publish', 'subscribe', 'presence'] } })
  t.equal((await order('disconnect', { userId: 'bob' }, some)).status, 403)
  t.equal((await order('revoke', { jti: 'x' }, some)).status, 403)
  t.equal((await order('restore', { jti: 'x' }, some)).status, 403)
  t.equal((await order('unsubscribe', { userId: 'bob', ...room }, some)).status, 200)
  t.equal((await order('unsubscribe', { userId: 'bob', workspaceId: 'other', appId: 'x' }, some)).status, 403)
  const none = token({ capabilities: { '*/*': ['publish', 'subscribe', 'presence'] } })
  for (const [what, target] of [['disconnect', { userId: 'bob' }], ['unsubscribe', { userId: 'bob', ...room }], ['revoke', { jti: 'x' }], ['restore', { jti: 'x' }]] as const) {
    t.equal((await order(what, target, none)).body.error?.code, 'auth/forbidden')
    t.equal((await call(a.url, 'POST', pathOf(what), { body: target })).status, 401)
  }
})

test('a live instance that does not answer makes the result incomplete, within 1 s, and it obeys when it resumes', async t => {
  const socket = await connect(t, b.url, { token: token({ sub: 'frozen', jti: 'frozen-1' }) })
  const closing = nextEvent(socket, 'closing', undefined, 10_000)
  b.pause()
  t.teardown(() => b.resume())
  const clock = startClock(t)
  const { body } = await within(3000, 'answer', order('revoke', { jti: 'frozen-1' }))
  t.strictSame(body.data, { sockets: 0, complete: false })
  t.ok(clock.now() < 1200)
  b.resume()
  t.match(await closing, { code: 'auth/token-revoked' })
})
