// Redis away for a minute, hanging and dead, side by side: memory stays flat, clients stay connected, nothing is lost.
import { readFile } from 'node:fs/promises'
import { test, type Test } from 'tap'
import { connect, eventually, follow, keepPublishing, noEvent, publish, roomEvent, startClock, startInstance, startRedis, statusOf, subscribe, token, upTo } from '../helpers/index.ts'

const AWAY_MS = 60_000
/** The heap grows with the load of the first seconds, and then no more. */
const SETTLE_MS = 15_000
const MAX_GROWTH_MB = 40
const LARGE = 'x'.repeat(60_000)
type Redis = Awaited<ReturnType<typeof startRedis>>

async function residentMb (pid: number): Promise<number> {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

/** Sees for a while that the instance lives, and refuses large updates, on a busy machine for longer; resolves with how many MB of them. */
async function refusals (t: Test, url: string, forMs: number, atLeastMb = 0): Promise<number> {
  const until = performance.now() + forMs
  const bearer = token({ sub: 'bulk' })
  let refusedMb = 0
  await eventually(async () => {
    const live = await statusOf(url, '/livez')
    const { status } = await publish(url, { workspaceId: 'long', appId: 'bulk', event: 'N', payload: LARGE }, bearer)
    if (live !== 200 || status !== 503) t.fail(`/livez ${live}, publish ${status}`)
    refusedMb += LARGE.length / 1_000_000
    return performance.now() > until && refusedMb > atLeastMb
  }, forMs + 20_000)
  return refusedMb
}

async function away (t: Test, leave: (redis: Redis) => unknown, comeBack: (redis: Redis) => unknown): Promise<void> {
  const redis = await startRedis(t, { appendonly: true })
  const instance = await startInstance(t, { REDIS_URL: redis.url })
  await instance.ready()
  const socket = await connect(t, instance.url, { token: token() })
  const follower = await follow(socket, 'long', 'board')
  const eve = await connect(t, instance.url, { token: token({ sub: 'eve' }) })
  await subscribe(eve, 'long', 'other')
  let disconnects = 0
  for (const one of [socket, eve]) one.on('disconnect', () => { disconnects++ })
  const publisher = keepPublishing(t, [instance.url], 'long', 'board')
  await follower.until(50)

  await leave(redis)
  await eventually(async () => await statusOf(instance.url, '/readyz') === 503, 3000)
  await refusals(t, instance.url, SETTLE_MS)
  const memory = await residentMb(instance.pid)
  // More than may be kept: it would show.
  const refusedMb = await refusals(t, instance.url, AWAY_MS - SETTLE_MS, MAX_GROWTH_MB)
  const growth = await residentMb(instance.pid) - memory
  t.ok(growth < MAX_GROWTH_MB, `memory is flat: ${growth.toFixed(1)} MB more, ${refusedMb.toFixed(1)} MB refused`)

  await comeBack(redis)
  const before = publisher.acknowledged()
  const clock = startClock(t)
  await eventually(() => publisher.acknowledged() > before, 2000)
  await follower.until(before + 1, 2000)
  t.ok(clock.now() < 2000, `delivery resumed after ${Math.round(clock.now())} ms`)
  await noEvent(eve, roomEvent('long', 'board'), async () => {
    const total = await publisher.stop()
    await follower.until(total)
    t.strictSame(follower.updates.map(({ payload }) => payload), upTo(total))
    await subscribe(eve, 'long', 'barrier')
  })
  t.equal(disconnects, 0)
  await instance.ready()
}

test('Redis unavailable for 60 s', { jobs: 2, timeout: 110_000 }, async t => {
  await Promise.all([
    t.test('it hangs (SIGSTOP)', { buffered: true }, t => away(t, redis => redis.pause(), redis => redis.resume())),
    t.test('it is dead, and restarts with its append-only file', { buffered: true }, t => away(t, redis => redis.stop(), redis => redis.restart()))
  ])
})
