// Rooms that everyone has left for good, in every way: nothing of them stays, in the instance or at Redis.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type Test } from 'tap'
import { connect, eventually, metric, nextEvent, publish, startInstance, startRedis, subscribe, token, unsubscribe, upTo, type Instance } from '../helpers/index.ts'

test('rooms that everyone has left', async t => {
  const redis = await startRedis(t, { appendonly: true })
  const client = redis.client()
  const folder = await temporaryFolder(t)
  const instance = await startInstance(t, {
    REDIS_URL: redis.url,
    NODE_OPTIONS: `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${folder}`,
    // What lingers ends soon, and a Redis that is away is found soon.
    ROOM_LINGER_MS: '100',
    PRESENCE_LINGER_MS: '100',
    HEARTBEAT_MS: '500',
    PROBE_INTERVAL_MS: '200',
    PROBE_TIMEOUT_MS: '600',
    PUBLISH_TIMEOUT_MS: '300'
  })
  await instance.ready()
  const stays = await connect(t, instance.url, { token: token({ sub: 'stays' }) })
  await subscribe(stays, 'left', 'kept')
  const rooms = await metric(instance.url, 'roomcast_rooms')
  const channels = async () => (await client.pubsub('CHANNELS') as string[]).length
  const channelsBefore = await channels()
  const leaves = await connect(t, instance.url, { token: token({ sub: 'leaves' }) })

  await t.test('left by UNSUBSCRIBE, with the connection, after a replay, a refusal or a reset', async t => {
    const goes = await connect(t, instance.url, { token: token({ sub: 'goes' }) })
    const update = (appId: string) => ({ workspaceId: 'left', appId, event: 'N', payload: `payload-of-${appId}` })
    for (const appId of ['unsubscribed', 'disconnected', 'recovered', 'refused', 'reset']) {
      await publish(instance.url, update(appId))
      const { epoch } = (await subscribe(appId === 'disconnected' ? goes : leaves, 'left', appId)).data
      await publish(instance.url, update(appId))
      if (appId !== 'recovered') continue
      await unsubscribe(leaves, 'left', appId)
      await subscribe(leaves, 'left', appId, { epoch, offset: 1 })
    }
    t.equal((await subscribe(leaves, 'left', 'refused', undefined, 'no-token')).status, 'ERROR')
    const told = nextEvent(leaves, 'unsubscribed')
    await client.del('roomcast:{left/reset}:meta')
    await told
    for (const appId of ['unsubscribed', 'recovered', 'refused']) await unsubscribe(leaves, 'left', appId)
    goes.close()
    await eventually(async () => await metric(instance.url, 'roomcast_rooms') === rooms)
    await eventually(async () => await channels() === channelsBefore)
  })

  await t.test('opened and left by the hundred: Redis forgets them within minutes', async t => {
    const sockets = await Promise.all(upTo(4).map(i => connect(t, instance.url, { token: token({ sub: `opener-${i}` }) })))
    const answers = await Promise.all(sockets.map(async (socket, s) => {
      const statuses: string[] = []
      for (const n of upTo(200)) {
        statuses.push((await subscribe(socket, 'left', `passing-${s}-${n}`)).status)
        await unsubscribe(socket, 'left', `passing-${s}-${n}`)
      }
      return statuses
    }))
    t.ok(answers.flat().every(status => status === 'SUCCESS'))
    await eventually(async () => await metric(instance.url, 'roomcast_rooms') === rooms)
    await eventually(async () => await channels() === channelsBefore)
    const lives = await Promise.all((await client.keys('*passing*')).map(key => client.ttl(key)))
    t.ok(lives.every(seconds => seconds > 600 && seconds <= 1800), `of ${lives.length} keys the longest lives ${Math.max(...lives)} s`)
  })

  for (const fault of ['killed', 'stopped'] as const) {
    await t.test(`left while Redis is ${fault}`, async t => {
      const goes = await connect(t, instance.url, { token: token({ sub: 'goes' }) })
      await subscribe(leaves, 'left', `${fault}-unsubscribed`)
      await subscribe(goes, 'left', `${fault}-disconnected`)
      if (fault === 'killed') await redis.stop()
      else redis.pause()
      await eventually(async () => await metric(instance.url, 'roomcast_ready') === 0)
      await unsubscribe(leaves, 'left', `${fault}-unsubscribed`)
      t.equal((await subscribe(leaves, 'left', `${fault}-refused`)).status, 'ERROR')
      goes.close()
      await eventually(async () => await metric(instance.url, 'roomcast_rooms') === rooms)
      if (fault === 'killed') await redis.restart()
      else redis.resume()
      await instance.ready()
      await eventually(async () => await channels() === channelsBefore)
    })
  }

  await t.test('no text of them is left in the heap; of a room that has a member there is', async t => {
    const heap = await eventually(async () => {
      const found = await heapOf(instance, folder)
      return !/left\/(?!kept)\w|payload-of/.test(found) && found
    }, 30_000)
    t.match(heap, /left\/kept/)
  })
})

async function temporaryFolder (t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'roomcast-heap-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** The texts in the heap of an instance that writes its snapshots into a folder. */
async function heapOf (instance: Instance, folder: string): Promise<string> {
  const before = (await readdir(folder)).length
  instance.process.kill('SIGUSR2')
  await eventually(async () => (await readdir(folder)).length > before, 30_000)
  // It is written in one go: the event loop stands still meanwhile.
  await instance.ready(30_000)
  const [newest = ''] = (await readdir(folder)).sort().reverse()
  return await readFile(join(folder, newest), 'utf8')
}
