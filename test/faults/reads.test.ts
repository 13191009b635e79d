// Reads of history by the hundred megabytes: the links to Redis stay, the instance stays ready, and nobody else notices.
import { connect as tcpConnect } from 'node:net'
import { performance } from 'node:perf_hooks'
import { test, type Test } from 'tap'
import {
  connect, eventually, HOST, keepPublishing, metric, startInstance, startRedis, statusOf, subscribe, token, upTo, type Instance, type RedisServer
} from '../helpers/index.ts'
import type { Update } from '../../services/wire/protocol.ts'

const UPDATES = 16
const EPOCH = 'filled-room1'

/** Rooms with 1 MB of history each, as if it had been published. */
async function fill (redis: RedisServer, rooms: string[]): Promise<void> {
  const client = redis.client()
  const run = /run_id:(\w+)/.exec(await client.info('server'))?.[1] ?? ''
  const payload = 'x'.repeat(65_000)
  for (const room of rooms) {
    const pipeline = client.pipeline().hset(`roomcast:{${room}}:meta`, { epoch: EPOCH, offset: UPDATES, run })
    for (const offset of upTo(UPDATES)) {
      const update = { v: 1, kind: 'update', epoch: EPOCH, offset, publishedAt: Date.now(), id: `u${offset}`, event: 'N', payload, userId: 'ann' }
      pipeline.xadd(`roomcast:{${room}}:log`, `${offset}-0`, 'm', JSON.stringify(update), 'k', '')
    }
    await pipeline.exec()
  }
}

/** What must stay as it is while somebody reads; to be asked when it is over. */
async function watch (t: Test, { url }: Instance) {
  const replaced = await metric(url, 'roomcast_redis_links_replaced_total')
  const publisher = keepPublishing(t, [url], 'other', 'board')
  let notReady = 0
  let isOver = false
  const watching = (async () => { while (!isOver) if (await statusOf(url, '/readyz') !== 200) notReady++ })()
  return {
    publisher,
    async assertUndisturbed () {
      isOver = true
      await watching
      await publisher.stop()
      t.strictSame([...publisher.refusals], [], 'no publish of another caller was refused')
      t.equal(await metric(url, 'roomcast_redis_links_replaced_total') - replaced, 0, 'no link was replaced')
      t.equal(notReady, 0, 'it was ready all the time')
    }
  }
}

test('reads of history', async t => {
  const redis = await startRedis(t)
  const rooms = upTo(150).map(n => `heavy/room-${n}`)
  await fill(redis, rooms)
  const instance = await startInstance(t, { REDIS_URL: redis.url })
  await instance.ready()
  const path = (room: string) => `/api/v1/workspaces/${room.replace('/', '/apps/')}/history?limit=${UPDATES}`

  await t.test('150 pipelined GET history of 1 MB by one reader', async t => {
    const { publisher, assertUndisturbed } = await watch(t, instance)
    const bearer = token({ sub: 'reader' })
    const socket = tcpConnect({ host: HOST, port: instance.port })
    t.teardown(() => { socket.destroy() })
    let bytes = 0
    let answers = 0
    socket.on('data', chunk => {
      bytes += chunk.length
      answers += chunk.toString('latin1').split('HTTP/1.1 200 OK').length - 1
    })
    const requests = rooms.map(room => `GET ${path(room)} HTTP/1.1\r\nHost: ${HOST}\r\nAuthorization: Bearer ${bearer}\r\n\r\n`)
    socket.write(requests.join(''))
    const neighbour = await fetch(`${instance.url}${path(rooms[0] as string)}`, { headers: { authorization: `Bearer ${token({ sub: 'neighbour' })}` } })
    t.equal(neighbour.status, 200)
    const answersBefore = answers
    t.ok(answersBefore < 150, `another reader waited for ${answersBefore} of them`)
    await eventually(() => answers >= 149 && bytes > 150e6, 60_000)
    t.ok(publisher.acknowledged() > 0)
    await assertUndisturbed()
  })

  await t.test('a reader that does not read gets no more made than it takes', async t => {
    const { assertUndisturbed } = await watch(t, instance)
    const before = await metric(instance.url, 'process_resident_memory_bytes')
    const socket = tcpConnect({ host: HOST, port: instance.port })
    t.teardown(() => { socket.destroy() })
    socket.pause()
    const bearer = token({ sub: 'deaf' })
    socket.write(rooms.map(room => `GET ${path(room)} HTTP/1.1\r\nHost: ${HOST}\r\nAuthorization: Bearer ${bearer}\r\n\r\n`).join(''))
    const reads = () => metric(instance.url, 'roomcast_history_reads_total')
    let last = -1
    await eventually(async () => {
      const now = await reads()
      const isStill = now === last
      last = now
      return isStill
    }, 20_000)
    const grown = await metric(instance.url, 'process_resident_memory_bytes') - before
    t.ok(grown < 100e6, `the instance grew by ${Math.round(grown / 1e6)} MB`)
    await assertUndisturbed()
  })

  await t.test('a client moves with 150 rooms of 1 MB of history: none is refused, and it gets all of it', async t => {
    const { assertUndisturbed } = await watch(t, instance)
    const socket = await connect(t, instance.url, { token: token({ sub: 'moves' }) })
    const offsets = new Map<string, number[]>(rooms.map(room => [room, []]))
    socket.onAny((_event: string, update: Update) => {
      if (update.offset !== undefined) offsets.get(`${update.workspaceId}/${update.appId}`)?.push(update.offset)
    })
    const startedAt = performance.now()
    const answers = await Promise.all(rooms.map(room => socket.timeout(60_000).emitWithAck('application', {
      event: 'SUBSCRIBE', payload: { workspaceId: 'heavy', appId: room.slice('heavy/'.length), since: { epoch: EPOCH, offset: 0 } }
    }) as ReturnType<typeof subscribe>))
    t.strictSame(answers.filter(({ status }) => status !== 'SUCCESS').map(({ error }) => error?.code), [])
    t.ok(answers.every(({ data }) => data.recovered && data.missed === UPDATES))
    await eventually(() => [...offsets.values()].every(some => some.length >= UPDATES), 60_000)
    t.ok([...offsets.values()].every(some => some.join() === upTo(UPDATES).join()), `each once and in order, in ${Math.round(performance.now() - startedAt)} ms`)
    await assertUndisturbed()
  })
})
