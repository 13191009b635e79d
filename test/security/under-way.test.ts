// What a command or an expiry forbids counts also for what is under way: a SUBSCRIBE that reads history, a body that is still coming.
import t, { test, type Test } from 'tap'
import type { Socket } from 'socket.io-client'
import {
  call, cluster, connect, eventually, nextEvent, noEvent, nowInSeconds, publish, rawConnect, roomEvent, startInstance, startProxy, startRedis, subscribe, token,
  type ApplicationAnswer, type Instance
} from '../helpers/index.ts'
import type { StreamPosition, SubscribeResult } from '../../services/wire/protocol.ts'

const redis = await startRedis(t)
const [a] = await cluster(t, 1, { REDIS_URL: redis.url })
/** Its way to Redis can be made long, so that a read is under way for as long as the test needs. */
const link = await startProxy(t, redis.port)
const b = await startInstance(t, { REDIS_URL: link.url(), FEED_TAIL_BYTES: '0', PROBE_TIMEOUT_MS: '10000' })
await Promise.all([a.ready(), b.ready()])

const operator = () => token({ sub: 'operator' })
const order = (path: string, target: object) => call<{ sockets: number, complete: boolean }>(a.url, 'POST', `/api/v1/${path}`, { token: operator(), body: target })
// Each knows of the other from its heartbeat on.
await eventually(async () => (await order('sessions/disconnect', { userId: 'nobody' })).body.data.complete)

/** A room with a past on the second instance, and somebody there who is to hear everything. */
async function prepare (t: Test, appId: string): Promise<{ since: StreamPosition, witness: Socket }> {
  const witness = await connect(t, b.url, { token: token({ sub: 'witness' }) })
  const { data } = await subscribe(witness, 'acme', appId)
  const heard = nextEvent(witness, roomEvent('acme', appId), ({ offset }) => offset === 3)
  for (let n = 0; n < 3; n++) await publish(a.url, { workspaceId: 'acme', appId, event: 'N', payload: n })
  await heard
  return { since: { epoch: data.epoch, offset: data.offset }, witness }
}

function subscribing (socket: Socket, appId: string, since: StreamPosition): Promise<ApplicationAnswer<SubscribeResult>> {
  return subscribe(socket, 'acme', appId, since)
}

/** Publishes, and sees that the witness hears it and the socket does not. */
async function hearsNothing (t: Test, socket: Socket, witness: Socket, appId: string): Promise<void> {
  await noEvent(socket, roomEvent('acme', appId), async () => {
    const heard = nextEvent(witness, roomEvent('acme', appId), ({ payload }) => payload === 'secret')
    t.equal((await publish(a.url, { workspaceId: 'acme', appId, event: 'N', payload: 'secret' })).status, 200)
    await heard
    await subscribe(socket, 'acme', 'barrier')
  })
}

for (const [who, isMember] of [['a member', true], ['somebody who is not in yet', false]] as const) {
  test(`unsubscribe counts for a SUBSCRIBE that reads history, of ${who}, and for those that wait behind it`, async t => {
    const appId = `read-${String(isMember)}`
    const { since, witness } = await prepare(t, appId)
    const socket = await connect(t, b.url, { token: token({ sub: 'eve' }) })
    if (isMember) await subscribe(socket, 'acme', appId)
    link.delay(200)
    t.teardown(() => link.heal())
    const answers = [subscribing(socket, appId, since), subscribing(socket, appId, since), subscribe(socket, 'acme', appId)]
    // The first is with the broker once a later request of another room is answered.
    await socket.emitWithAck('application', { event: 'UNSUBSCRIBE', payload: { workspaceId: 'acme', appId: 'elsewhere' } })
    t.strictSame((await order('sessions/unsubscribe', { userId: 'eve', workspaceId: 'acme', appId })).body.data, { sockets: 1, complete: true })
    for (const { status, error } of await Promise.all(answers)) t.match({ status, code: error?.code }, { status: 'ERROR', code: 'auth/unsubscribed' })
    await link.heal()
    await hearsNothing(t, socket, witness, appId)
    t.equal((await subscribe(socket, 'acme', appId)).status, 'SUCCESS', 'a SUBSCRIBE from later on is a new one')
  })
}

test('a room token that is revoked while history is read lets nobody in', async t => {
  const { since, witness } = await prepare(t, 'lent')
  const socket = await connect(t, b.url, { token: token({ sub: 'guest', capabilities: { 'acme/barrier': ['subscribe'] } }) })
  link.delay(200)
  t.teardown(() => link.heal())
  const joining = subscribe(socket, 'acme', 'lent', since, token({ sub: 'guest', jti: 'lent-1' }))
  await socket.emitWithAck('application', { event: 'UNSUBSCRIBE', payload: { workspaceId: 'acme', appId: 'elsewhere' } })
  t.strictSame((await order('tokens/revoke', { jti: 'lent-1' })).body.data, { sockets: 1, complete: true })
  t.equal((await joining).status, 'ERROR')
  await link.heal()
  await hearsNothing(t, socket, witness, 'lent')
})

const room = { workspaceId: 'acme', appId: 'bodies' }
const update = { ...room, event: 'LATE', payload: 1 }
const routes: Array<[string, string, object]> = [
  ['POST', '/api/v1/publish', update],
  ['POST', '/api/v1/publish/batch', { updates: [update] }],
  ['PUT', '/api/v1/apps/', { ...room, displayName: 'Late' }],
  ['POST', '/api/v1/sessions/disconnect', { userId: 'bystander' }],
  ['POST', '/api/v1/sessions/unsubscribe', { userId: 'bystander', ...room }],
  ['POST', '/api/v1/tokens/revoke', { jti: 'of-nobody' }],
  ['POST', '/api/v1/tokens/restore', { jti: 'of-nobody' }]
]

for (const [how, code] of [['revoked', 'auth/token-revoked'], ['expired', 'auth/token-expired']] as const) {
  test(`a token that is ${how} between the headers and the end of the body does nothing any more, on every route`, async t => {
    const bystander = await connect(t, a.url, { token: token({ sub: 'bystander' }) })
    await subscribe(bystander, 'acme', 'bodies')
    await noEvent(bystander, roomEvent('acme', 'bodies'), async () => {
      const exp = nowInSeconds() + 2
      const requests = await Promise.all(routes.map(async ([method, path, body], n) => {
        const jti = `${how}-${n}`
        const bearer = token({ sub: 'late', jti, exp: how === 'expired' ? exp : nowInSeconds() + 600 })
        return { jti, path, ...await sendLate(t, a, method, path, bearer, JSON.stringify(body)) }
      }))
      if (how === 'revoked') for (const { jti } of requests) await order('tokens/revoke', { jti })
      else await eventually(() => Date.now() > exp * 1000)
      for (const { path, finish } of requests) t.match(await finish(), { status: 401, code }, path)
      await subscribe(bystander, 'acme', 'barrier')
    })
    t.ok(bystander.connected, 'nor were commands carried out')
    const heard = nextEvent(bystander, roomEvent('acme', 'bodies'))
    await publish(a.url, { ...room, event: 'N', payload: 1 })
    await heard
  })
}

/** Sends the headers and the first byte; `finish` sends the rest, and tells the answer. */
async function sendLate (t: Test, { port }: Instance, method: string, path: string, bearer: string, body: string) {
  const raw = await rawConnect(t, port)
  raw.send(`${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bearer}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body.slice(0, 1)}`)
  // The headers have been read once a request that came after them is answered.
  await call(`http://127.0.0.1:${port}`, 'GET', '/livez')
  return {
    async finish () {
      raw.send(body.slice(1))
      await raw.closed()
      const answer = raw.received()
      return { status: Number(answer.split(' ')[1]), code: /"code":"([^"]+)"/.exec(answer)?.[1] }
    }
  }
}

test('a token that is revoked while history is read gets nothing of it over HTTP', async t => {
  await prepare(t, 'slow-read')
  link.delay(200)
  t.teardown(() => link.heal())
  const bearer = token({ sub: 'reader', jti: 'reader-1' })
  const reading = call(b.url, 'GET', '/api/v1/workspaces/acme/apps/slow-read/history', { token: bearer })
  await call(b.url, 'GET', '/livez')
  await order('tokens/revoke', { jti: 'reader-1' })
  const { status, body } = await reading
  t.match({ status, code: body.error?.code }, { status: 401, code: 'auth/token-revoked' })
})
