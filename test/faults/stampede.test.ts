// Ten thousand members back at once in one room of one feed, on a real Redis: history is read a few times, not once for each.
import { Redis } from 'ioredis'
import { test, type Test } from 'tap'
import { createFeed } from '../../services/feeds/feed.ts'
import type { Member } from '../../services/feeds/member.ts'
import { createFeedMemory } from '../../services/feeds/memory.ts'
import type { Entry } from '../../services/feeds/batch.ts'
import { createTurn } from '../../services/feeds/turn.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import type { SubscribeResult } from '../../services/wire/protocol.ts'
import { createRedisBroker } from '../../services/broker/redis-broker.ts'
import { readSettings } from '../../services/settings/read.ts'
import { eventually, startRedis, upTo } from '../helpers/index.ts'

type StoredEntries = readonly Entry[]

const MEMBERS = 10_000
const ROOM = 'crowd/board'
const silent = { debug () {}, info () {}, warn () {}, error () {} }

async function openFeed (t: Test, url: string, env: Record<string, string>) {
  // Ten thousand members in this very process hold up its own publishing.
  const settings = readSettings({ REDIS_URL: url, PUBLISH_TIMEOUT_MS: '20000', CLOSE_TIMEOUT_MS: '20000', ...env })
  const metrics = createMetrics()
  const connections = [0, 1].map(() => new Redis(url, { enableOfflineQueue: false, autoResubscribe: false }))
  const [commands, subscriber] = connections as [Redis, Redis]
  const broker = createRedisBroker({ instance: 'test', open: () => ({ commands, subscriber }), settings, log: silent, metrics })
  t.teardown(() => broker.close())
  await eventually(() => broker.fault() === undefined)
  const feed = createFeed({ room: ROOM, broker, turn: createTurn(), memory: createFeedMemory(settings, metrics), settings, metrics, log: silent })
  await feed.open()
  t.teardown(() => feed.close())
  const reads = async () => (await metrics.historyReads.get()).values[0]?.value ?? 0
  const send = (payload: unknown) => broker.publish({ room: ROOM, event: 'N', payloadJson: JSON.stringify(payload), userId: 'ann', sub: 'ann' })
  return { feed, reads, send, settings, broker }
}

interface Watched extends Member {
  joined?: SubscribeResult
  first: number
  count: number
  isBroken: boolean
}

function createWatched (): Watched {
  const member: Watched = {
    position: 0,
    first: 0,
    count: 0,
    isBroken: false,
    deliver ({ entries }) {
      for (const { update } of entries as StoredEntries) {
        if (member.joined === undefined || (member.count > 0 && update.offset !== member.first + member.count)) member.isBroken = true
        if (member.count++ === 0) member.first = update.offset
      }
    },
    isFull: () => false,
    isLagging: () => false,
    whenDrained: callback => { setImmediate(callback) },
    end () { member.isBroken = true }
  }
  return member
}

for (const { tail, spread } of [{ tail: '1048576', spread: 1 }, { tail: '4000', spread: 1 }, { tail: '4000', spread: 50 }]) {
  const how = `${spread === 1 ? 'in one turn' : `over ${spread} turns`}, ${tail} bytes of tail`
  test(`10,000 members back ${how}: at most three history reads, every one whole`, async t => {
    const redis = await startRedis(t)
    const { feed, reads, send } = await openFeed(t, redis.url, { FEED_TAIL_BYTES: tail })
    for (const n of upTo(100)) await send(n)
    await eventually(() => feed.position().offset === 100)
    const { epoch } = feed.position()
    const before = await reads()

    const members = Array.from({ length: MEMBERS }, createWatched)
    const joins: Array<Promise<void>> = []
    const live = (async () => { for (const n of upTo(20)) await send(100 + n) })()
    for (const [i, member] of members.entries()) {
      joins.push(feed.join(member, { epoch, offset: 50 + i % 10 }, joined => { member.joined = joined }))
      if (i % (MEMBERS / spread) === MEMBERS / spread - 1) await new Promise(resolve => setImmediate(resolve))
    }
    await Promise.all([live, ...joins])
    await eventually(() => members.every(({ position }) => position === 120), 10_000)
    const bad = members.filter((member, i) => member.isBroken || member.joined?.recovered !== true || member.first !== 51 + i % 10 || member.count !== 70 - i % 10)
    t.equal(bad.length, 0)
    const made = await reads() - before
    t.ok(made <= 3, `${made} history reads for ${MEMBERS} members`)
  })
}
