// Rooms that share a socket: each keeps its order, whatever else the socket is sent, and when the instance leaves.
import { test } from 'tap'
import { call, connect, eventually, follow, startInstance, startRedis, token, upTo } from '../helpers/index.ts'

const ROOMS = ['one', 'two']
const ROUNDS = 40

/** A batch in which the rooms take turns: each of them gets two. */
const batch = (round: number) => upTo(4).map(n => ({ workspaceId: 'acme', appId: ROOMS[n % 2], event: 'N', payload: `${round}-${n}` }))
/** What a room gets of all batches, in its order. */
const payloadsOf = (appId: string) => upTo(ROUNDS).flatMap(round => batch(round).filter(update => update.appId === appId).map(({ payload }) => payload))

async function start (t: Parameters<typeof startRedis>[0]) {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url, DRAIN_DELAY_SECONDS: '0', DRAIN_SECONDS: '2' })
  await instance.ready()
  const send = (round: number) => call(instance.url, 'POST', '/api/v1/publish/batch', { token: token({ sub: 'svc' }), body: { updates: batch(round) } })
  return { instance, send }
}

for (const transport of ['websocket', 'polling']) {
  test(`two rooms on one socket keep each room's order while the socket is answered in between, over ${transport}`, async t => {
    const { instance, send } = await start(t)
    const socket = await connect(t, instance.url, { token: token(), transports: [transport] })
    const followers = await Promise.all(ROOMS.map(appId => follow(socket, 'acme', appId)))
    const neighbour = await connect(t, instance.url, { token: token({ sub: 'bob' }), transports: [transport] })
    const alone = await follow(neighbour, 'acme', 'one')
    const heard: string[] = []
    neighbour.onAny((event: string) => heard.push(event))

    let answered = 0
    for (const round of upTo(ROUNDS)) {
      socket.emit('presence', { workspaceId: 'acme', appId: ROOMS[round % 2] }, () => { answered++ })
      await send(round)
    }
    for (const [i, follower] of followers.entries()) {
      const updates = await follower.until(2 * ROUNDS)
      t.strictSame(updates.map(({ payload }) => payload), payloadsOf(ROOMS[i] as string))
    }
    await alone.until(2 * ROUNDS)
    await eventually(() => answered === ROUNDS)
    t.notOk(heard.some(event => event.includes('two')), 'who is in one room hears nothing of the other')
  })
}

test('a socket that is told to go amid updates has every room up to one position, and nothing out of order', async t => {
  const { instance, send } = await start(t)
  const socket = await connect(t, instance.url, { token: token(), transports: ['websocket'] })
  const followers = await Promise.all(ROOMS.map(appId => follow(socket, 'acme', appId)))
  const gone = new Promise(resolve => socket.once('disconnect', resolve))
  let isTold = false
  socket.once('draining', () => { isTold = true })
  for (let round = 1; !isTold; round++) {
    await send(round)
    if (round === 10) instance.process.kill('SIGTERM')
  }
  await gone
  for (const { updates, faults } of followers) {
    t.strictSame(faults, [])
    t.ok(updates.length >= 20)
    t.strictSame(updates.map(({ offset }) => offset), upTo(updates.length))
  }
  t.equal((await instance.exited).code, 0)
})
