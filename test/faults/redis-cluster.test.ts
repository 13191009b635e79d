// A real Redis Cluster under faults: what happens to one shard, the others do not notice; a slot that moves loses nothing.
import calculateSlot from 'cluster-key-slot'
import { test } from 'tap'
import {
  cluster, connect, eventually, follow, keepPublishing, metric, nextEvent, publish, startClock, startProxy, startRedisCluster, subscribe, token, upTo,
  type RedisServer
} from '../helpers/index.ts'

interface Readiness {
  ready: boolean
  reasons: string[]
  silentShards?: string[]
}

test('Redis Cluster', async t => {
  const redis = await startRedisCluster(t)
  const [a, b] = await cluster(t, 2, { REDIS_CLUSTER: redis.addresses })
  await Promise.all([a.ready(), b.ready()])
  const bearer = token({ sub: 'ann' })
  const payloads = (updates: Array<{ payload: unknown }>) => updates.map(({ payload }) => payload)
  const readiness = async (url: string) => await (await fetch(`${url}/readyz`)).json() as Readiness

  /** The first app of the workspace whose room is at this master, and is not that of the commands. */
  async function appAt (workspaceId: string, master: RedisServer): Promise<string> {
    for (let n = 0; ; n++) if (await redis.masterOf(calculateSlot(`${workspaceId}/board-${n}`)) === master) return `board-${n}`
  }

  async function otherMasters (): Promise<[RedisServer, RedisServer]> {
    const commands = await redis.masterOf(calculateSlot('$/commands'))
    return (await redis.masters()).filter(master => master !== commands) as [RedisServer, RedisServer]
  }

  const send = (url: string, workspaceId: string, appId: string, payload: unknown) => publish(url, { workspaceId, appId, event: 'N', payload })
  const member = async (url: string, workspaceId: string, appId: string) => await follow(await connect(t, url, { token: bearer }), workspaceId, appId)

  await t.test('a slot is moved back and forth under load: nothing lost, repeated or told, and a gap of at most 2 s', async t => {
    const slot = calculateSlot('moved/board')
    const followers = await Promise.all([a, b].map(({ url }) => member(url, 'moved', 'board')))
    const publisher = keepPublishing(t, [a.url, b.url], 'moved', 'board', { pauseMs: 1 })
    await eventually(() => publisher.acknowledged() > 20)
    const home = await redis.masterOf(slot)
    const away = (await redis.masters()).find(master => master !== home) as RedisServer
    for (const to of [away, home, away, home]) {
      const clock = startClock(t)
      await redis.migrate(slot, to)
      const goal = publisher.acknowledged() + 20
      await eventually(() => publisher.acknowledged() >= goal)
      for (const follower of followers) await follower.until(goal)
      t.ok(clock.now() < 2000, `updates flow again after ${Math.round(clock.now())} ms`)
    }
    const total = await publisher.stop()
    for (const follower of followers) {
      await follower.until(total)
      t.strictSame(payloads(follower.updates), upTo(total))
      t.strictSame(follower.answers.length, 1, 'nobody was told to begin anew')
    }
    t.equal(publisher.refusals.size, 0, JSON.stringify([...publisher.refusals]))
    t.equal((await send(a.url, 'moved', 'board', 'end')).body.data.instances, 2, 'both instances listen at the new master')
    await Promise.all(followers.map(follower => follower.until(total + 1)))
  })

  await t.test('many updates of one caller at once keep their order while their slot is moved', async t => {
    const slot = calculateSlot('order/board')
    const follower = await member(b.url, 'order', 'board')
    const home = await redis.masterOf(slot)
    const away = (await redis.masters()).find(master => master !== home) as RedisServer
    let sent = 0
    const moving = (async () => { for (const to of [away, home]) await redis.migrate(slot, to) })()
    while (sent < 400) {
      const updates = upTo(20).map(() => ({ workspaceId: 'order', appId: 'board', event: 'N', payload: ++sent }))
      const response = await fetch(`${a.url}/api/v1/publish/batch`, {
        method: 'POST', headers: { authorization: `Bearer ${token({ sub: 'svc' })}`, 'content-type': 'application/json' }, body: JSON.stringify({ updates })
      })
      const { data } = await response.json() as { data: { results: Array<{ status: string }> } }
      t.ok(data.results.every(({ status }) => status === 'SUCCESS'))
    }
    await moving
    await follower.until(400)
    t.strictSame(payloads(follower.updates), upTo(400))
  })

  await t.test('a slot is in transit for longer than a publish waits: refused in time, nothing lost or repeated, the link stays', async t => {
    const slot = calculateSlot('transit/board')
    const follower = await member(b.url, 'transit', 'board')
    t.equal((await send(a.url, 'transit', 'board', 0)).status, 200)
    const home = await redis.masterOf(slot)
    const away = (await redis.masters()).find(master => master !== home) as RedisServer
    const connections = await metric(a.url, 'roomcast_redis_links_replaced_total')
    const moving = redis.migrate(slot, away, 3000)
    await eventually(async () => String(await redis.clientOf(home).call('CLUSTER', 'NODES')).includes(`[${slot}->-`))
    // A new id is a key that does not exist yet, which Redis does not accept in a slot in transit.
    const withId = () => publish(a.url, { workspaceId: 'transit', appId: 'board', event: 'N', payload: 'patient', id: 'patient' })
    const clock = startClock(t)
    const { status, body, headers } = await withId()
    const afterMs = clock.now()
    t.equal(status, 503)
    t.match(body.error, { code: 'broker/unavailable', retryable: true })
    t.match(headers.get('retry-after'), /^\d+$/)
    t.ok(afterMs > 500 && afterMs < 1300, `tried for ${Math.round(afterMs)} ms`)
    await eventually(async () => (await withId()).status === 200)
    await moving
    await follower.until(update => update.payload === 'patient')
    t.strictSame(payloads(follower.updates), [0, 'patient'])
    t.equal(await metric(a.url, 'roomcast_redis_links_replaced_total'), connections, 'no connection was replaced')
  })

  await t.test('a master stops (SIGSTOP) for less than the cluster waits: its rooms are refused, the others flow, /readyz names it', async t => {
    const [silent] = await otherMasters()
    for (const server of redis.servers) await redis.clientOf(server).config('SET', 'cluster-node-timeout', '60000')
    const [there, elsewhere] = [await appAt('stopped', silent), await appAt('stopped', (await otherMasters())[1])]
    const [hit, spared] = [await member(b.url, 'stopped', there), await member(b.url, 'stopped', elsewhere)]
    silent.pause()
    const refusedClock = startClock(t)
    const { status, body } = await send(a.url, 'stopped', there, 'lost')
    t.equal(status, 503)
    t.match(body.error, { code: /^broker\// })
    t.ok(refusedClock.now() < 1300, `answered after ${Math.round(refusedClock.now())} ms`)
    for (const n of upTo(20)) t.equal((await send(a.url, 'stopped', elsewhere, n)).status, 200)
    await spared.until(20)
    const named = await eventually(async () => {
      const told = await readiness(a.url)
      return told.silentShards !== undefined && told
    })
    t.match(named, { ready: true, reasons: [], silentShards: [`127.0.0.1:${silent.port}`] })
    await eventually(async () => await metric(a.url, 'roomcast_redis_shard_up', `127.0.0.1:${silent.port}`) === 0)
    silent.resume()
    const clock = startClock(t)
    await eventually(async () => (await send(a.url, 'stopped', there, 'back')).status === 200)
    await hit.until(update => update.payload === 'back')
    t.ok(clock.now() < 3000, `flows again after ${Math.round(clock.now())} ms`)
    await eventually(async () => (await readiness(a.url)).silentShards === undefined)
    for (const server of redis.servers) await redis.clientOf(server).config('SET', 'cluster-node-timeout', '1000')
  })

  for (const how of ['CLUSTER FAILOVER', 'SIGKILL'] as const) {
    await t.test(`${how}: the rooms of that shard begin anew and their members are told; the other shards do not notice`, async t => {
      await redis.whole()
      await Promise.all([a.ready(), b.ready()])
      const [failing, other] = await otherMasters()
      const workspaceId = how === 'SIGKILL' ? 'killed' : 'handed-over'
      const [there, elsewhere] = [await appAt(workspaceId, failing), await appAt(workspaceId, other)]
      const socket = await connect(t, b.url, { token: bearer })
      await subscribe(socket, workspaceId, there)
      t.equal((await send(a.url, workspaceId, there, 1)).status, 200)
      const spared = await member(b.url, workspaceId, elsewhere)
      const publisher = keepPublishing(t, [a.url, b.url], workspaceId, elsewhere)
      const told = nextEvent(socket, 'unsubscribed', () => true, 15_000)
      const replica = await redis.replicaOf(failing)
      if (how === 'SIGKILL') await failing.stop()
      else await eventually(() => redis.clientOf(replica).call('CLUSTER', 'FAILOVER'))
      t.match(await told, { workspaceId, appId: there, code: 'history/insufficient' })
      const again = await member(b.url, workspaceId, there)
      await eventually(async () => (await send(a.url, workspaceId, there, 'after')).status === 200)
      await again.until(update => update.payload === 'after')
      const total = await publisher.stop()
      await spared.until(total)
      t.strictSame(payloads(spared.updates), upTo(total))
      t.equal(publisher.refusals.size, 0, 'no publish to another shard failed')
      if (how === 'SIGKILL') await failing.restart()
    })
  }

  await t.test('a client that was away while its room failed over is told that its past is gone', async t => {
    await redis.whole()
    const [failing] = await otherMasters()
    const there = await appAt('away', failing)
    await send(a.url, 'away', there, 1)
    const { body } = await send(a.url, 'away', there, 2)
    const { epoch, offset } = body.data as { epoch: string, offset: number }
    const replica = await redis.replicaOf(failing)
    await eventually(() => redis.clientOf(replica).call('CLUSTER', 'FAILOVER'))
    await eventually(async () => await redis.masterOf(calculateSlot(`away/${there}`)) === replica)
    const socket = await connect(t, b.url, { token: bearer })
    const answer = await eventually(async () => {
      const told = await subscribe(socket, 'away', there, { epoch, offset })
      return told.status === 'SUCCESS' && told
    })
    t.match(answer.data, { recovered: false })
    t.not(answer.data.epoch, epoch)
  })
})

test('one link of one instance is half-open: found and repaired within 5 s, the other shards do not notice', async t => {
  const redis = await startRedisCluster(t, { replicas: 0 })
  const proxies = await Promise.all(redis.servers.map(({ port }) => startProxy(t, port)))
  const [a] = await cluster(t, 1, { REDIS_CLUSTER: redis.addresses })
  for (const [i, server] of redis.servers.entries()) {
    await redis.clientOf(server).config('SET', 'cluster-announce-ip', '127.0.0.1')
    await redis.clientOf(server).config('SET', 'cluster-announce-port', String(proxies[i]?.port))
  }
  await redis.whole()
  const [b] = await cluster(t, 1, { REDIS_CLUSTER: redis.addresses })
  await Promise.all([a.ready(), b.ready()])
  const bearer = token({ sub: 'ann' })
  const apps: string[] = []
  for (const server of redis.servers) {
    for (let n = 0; apps.length < redis.servers.indexOf(server) + 1; n++) if (await redis.masterOf(calculateSlot(`open/board-${n}`)) === server) apps.push(`board-${n}`)
  }
  const followers = await Promise.all(apps.map(async app => await follow(await connect(t, b.url, { token: bearer }), 'open', app)))
  const send = (app: string, payload: number) => publish(a.url, { workspaceId: 'open', appId: app, event: 'N', payload, id: `open-${payload}` })
  for (const app of apps) await send(app, 1)
  await Promise.all(followers.map(follower => follower.until(1)))
  proxies[1]?.strand()
  const clock = startClock(t)
  for (const app of apps) await eventually(async () => (await send(app, 2)).status === 200)
  await Promise.all([followers[0]?.until(2, 1000), followers[2]?.until(2, 1000)])
  await followers[1]?.until(2, 6000)
  t.ok(clock.now() < 6000, `repaired after ${Math.round(clock.now())} ms`)
  for (const follower of followers) t.strictSame(follower.updates.map(({ payload }) => payload), [1, 2])
})
