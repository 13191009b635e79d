// A client that does not read is cut off at a bound and disturbs nobody; one that has much to catch up with is not taken for one.
import { once } from 'node:events'
import { test, type Test } from 'tap'
import { WebSocket } from 'ws'
import {
  cluster, connect, eventually, follow, metric, publish, startClock, startRedis, subscribe, token, upTo, within, type Follower, type Instance
} from '../helpers/index.ts'
import type { StreamPosition } from '../../services/wire/protocol.ts'

const bearer = token({ sub: 'ann' })
const LIMIT = 1_048_576

/** A client in raw frames of engine.io, since a stock one always reads. */
async function connectRaw (t: Test, { port }: Instance, workspaceId: string): Promise<{ socket: WebSocket, joined: StreamPosition }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`)
  t.teardown(() => { socket.terminate() })
  const next = async (start: string) => {
    for (;;) {
      const [data] = await once(socket, 'message') as [Buffer]
      if (data.toString().startsWith(start)) return data.toString().slice(start.length)
    }
  }
  await within(5000, 'open', next('0'))
  socket.send(`40${JSON.stringify({ token: bearer })}`)
  await within(5000, 'connected', next('40'))
  socket.send(`42${JSON.stringify(['application', { event: 'SUBSCRIBE', payload: { workspaceId, appId: 'board' } }])}`)
  const [, answer] = JSON.parse(await within(5000, 'joined', next('42'))) as [string, { data: StreamPosition }]
  return { socket, joined: answer.data }
}

async function publishMuch (urls: string[], workspaceId: string, from: number, to: number, bytes: number): Promise<void> {
  const filler = 'x'.repeat(bytes)
  let next = from
  await Promise.all(upTo(8).map(async () => {
    for (let n = next++; n <= to; n = next++) {
      const { status } = await publish(urls[n % urls.length] as string, { workspaceId, appId: 'board', event: 'N', payload: filler })
      if (status !== 200) throw new Error(`publish answered ${status}`)
    }
  }))
}

function assertWhole (t: Test, { updates, faults }: Follower, total: number): void {
  t.strictSame(faults, [])
  t.strictSame(updates.map(({ offset }) => offset), upTo(total))
}

test('slow clients', async t => {
  const redis = await startRedis(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all([a.ready(), b.ready()])

  await t.test('a client that does not read: bounded, cut off with a code, its neighbours unaffected, and it can recover', async t => {
    const { socket, joined } = await connectRaw(t, a, 'stuck')
    const neighbours = await Promise.all([a, b].map(async ({ url }) => await follow(await connect(t, url, { token: bearer }), 'stuck', 'board')))
    socket.pause()
    const pausedAt = performance.now()
    const clock = startClock(t)
    let most = 0
    const total = 400
    const publishing = publishMuch([a.url, b.url], 'stuck', 1, total, 40_000)
    await eventually(async () => {
      most = Math.max(most, await metric(a.url, 'roomcast_send_buffer_bytes'))
      return await metric(a.url, 'roomcast_disconnects_total', 'limit/slow-client') === 1
    }, 12_000)
    const cutAfter = Math.round(performance.now() - pausedAt)
    const cutWithin = Math.round(clock.now())
    await publishing
    t.ok(most > LIMIT / 8, `${most} bytes waited at most`)
    t.ok(most <= LIMIT * 1.5, 'about one socket may wait for 1 MiB at most, and two others read')
    t.ok(cutAfter > 3500 && cutWithin < 8000, `cut off after ${cutAfter} ms: 5 s of draining nothing`)
    await eventually(async () => await metric(a.url, 'roomcast_send_buffer_bytes') < 100_000, 3000)
    t.match(a.output(), /limit\/slow-client|slow/, 'the code is in the log')
    for (const neighbour of neighbours) {
      await neighbour.until(total, 10_000)
      assertWhole(t, neighbour, total)
    }
    const back = await follow(await connect(t, b.url, { token: bearer }), 'stuck', 'board', { epoch: joined.epoch, offset: joined.offset })
    await back.until(total, 10_000)
    assertWhole(t, back, total)
  })

  await t.test('a client that missed 20 MB gets all of it at its pace and is not cut off', async t => {
    const first = await connect(t, a.url, { token: bearer })
    const { epoch } = (await subscribe(first, 'absent', 'board')).data
    first.close()
    const total = 400
    await publishMuch([a.url, b.url], 'absent', 1, total, 50_000)
    const cutBefore = await metric(b.url, 'roomcast_disconnects_total', 'limit/slow-client')
    const socket = await connect(t, b.url, { token: bearer })
    let most = 0
    const timer = setInterval(() => {
      void metric(b.url, 'roomcast_send_buffer_bytes').then(bytes => { most = Math.max(most, bytes) })
    }, 20)
    const follower = await follow(socket, 'absent', 'board', { epoch, offset: 0 })
    // Live ones join in while the replay runs.
    await publishMuch([a.url], 'absent', total + 1, total + 20, 1000)
    await follower.until(total + 20, 20_000)
    clearInterval(timer)
    assertWhole(t, follower, total + 20)
    t.ok(socket.connected)
    t.ok(most <= LIMIT, `at most ${most} bytes waited`)
    t.equal(await metric(b.url, 'roomcast_disconnects_total', 'limit/slow-client'), cutBefore)
  })

  await t.test('a reader that stops for less than the limit and goes on is served from its own position', async t => {
    const { socket } = await connectRaw(t, a, 'pauses')
    const offsets: number[] = []
    const renewals: Array<[answered: number, given: number | undefined]> = []
    socket.on('message', (data: Buffer) => {
      const text = data.toString()
      if (text === '2') socket.send('3')
      if (text.startsWith('42["application_response"')) renewals.push([(JSON.parse(text.slice(2)) as [string, { data: StreamPosition }])[1].data.offset, offsets.at(-1)])
      if (text.startsWith('42["workspace_')) offsets.push((JSON.parse(text.slice(2)) as [string, { offset: number }])[1].offset)
    })
    for (const round of upTo(2)) {
      socket.pause()
      await publishMuch([a.url, b.url], 'pauses', 200 * (round - 1) + 1, 200 * round, 40_000)
      socket.send(`42${JSON.stringify(['application', { event: 'SUBSCRIBE', payload: { workspaceId: 'pauses', appId: 'board' } }])}`)
      socket.resume()
      await eventually(() => offsets.length >= 200 * round && renewals.length === round, 15_000)
    }
    t.strictSame(offsets, upTo(400))
    for (const [answered, given] of renewals) t.equal(answered, given, 'a renewal answers where this socket is, not where the room is')
  })
})
