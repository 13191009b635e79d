// The seam between replay and live: a broker whose every step takes a random time, and which loses some messages.
// Whatever the interleaving, a member sees each update once and in order, or is told.
import { randomInt } from 'node:crypto'
import { test } from 'tap'
import type { Broker, Message } from '../../services/broker/broker.ts'
import { RoomcastError } from '../../services/wire/errors.ts'
import { createFeed } from '../../services/feeds/feed.ts'
import { createMemoryBroker } from '../../services/broker/memory-broker.ts'
import { createFeedMemory } from '../../services/feeds/memory.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import type { SubscribeResult, StreamPosition } from '../../services/wire/protocol.ts'
import { readSettings } from '../../services/settings/read.ts'
import { connected, redisBroker } from '../helpers/broker.ts'
import { createRandom, startRedis, upTo, type Random } from '../helpers/index.ts'
import type { Member } from '../../services/feeds/member.ts'
import type { Entry } from '../../services/feeds/batch.ts'
import { createTurn } from '../../services/feeds/turn.ts'

type StoredEntries = readonly Entry[]

const silent = { debug () {}, info () {}, warn () {}, error () {} }
const metrics = createMetrics()
/** A small history, tail and read, so that every border is met often. */
const env = { HISTORY_SIZE: '40', FEED_TAIL_BYTES: '600', HISTORY_READ_BYTES: '700', MAX_PAYLOAD_BYTES: '350', MAX_BUFFERED_BYTES: '2048' }
const settings = readSettings(env)
const memory = createFeedMemory(settings, metrics)
const UPDATES = 30

/** In turns of the event loop, so that a thousand trials take seconds. */
async function turns (random: Random, most: number): Promise<void> {
  for (let left = random.below(most + 1); left > 0; left--) await new Promise(resolve => setImmediate(resolve))
}

/** Delays every step, keeps the order of messages as a channel does, and loses some of them. */
function disturb (broker: Broker, random: Random, { lossPercent, lag }: { lossPercent: number, lag: number }): Broker {
  let channel = Promise.resolve()
  const failSometimes = () => {
    if (random.below(100) < lossPercent) throw new RoomcastError('broker/unavailable')
  }
  return {
    ...broker,
    async subscribe (room, onMessage) {
      await turns(random, 3)
      await broker.subscribe(room, (message: Message) => {
        const isLost = random.below(100) < lossPercent
        channel = channel.then(async () => {
          await turns(random, lag)
          if (!isLost) onMessage(message)
        })
      })
      await turns(random, 3)
    },
    async touch (rooms, retention) {
      await turns(random, 3)
      failSometimes()
      const found = await broker.touch(rooms, retention)
      // The guarantee of `positions`: what the channel still holds up to there comes first.
      await channel
      await turns(random, 3)
      return found
    },
    async history (room, since, limits) {
      await turns(random, 4)
      failSometimes()
      const found = await broker.history(room, since, limits)
      await turns(random, 4)
      return found
    }
  }
}

interface Watched extends Member {
  since: StreamPosition | undefined
  joined: SubscribeResult | undefined
  offsets: number[]
  isTold: boolean
}

function createWatched (random: Random, since: StreamPosition | undefined): Watched {
  const isSlow = random.below(4) === 0
  let waiting = 0
  const member: Watched = {
    since,
    joined: undefined,
    position: 0,
    offsets: [],
    isTold: false,
    deliver ({ entries, packet }) {
      if (member.joined === undefined) throw new Error('an update before the answer')
      for (const { update } of entries as StoredEntries) member.offsets.push(update.offset)
      if (isSlow) waiting += packet.bytes
    },
    isFull: () => waiting > settings.MAX_BUFFERED_BYTES / 2,
    isLagging: () => false,
    whenDrained (callback) {
      void turns(random, 6).then(() => {
        waiting = 0
        callback()
      })
    },
    end () { member.isTold = true }
  }
  return member
}

/** What is wrong with what a member saw when the room is at `last`; undefined when it is right. */
function faultOf ({ since, joined, offsets, isTold }: Watched, epoch: string, last: number): string | undefined {
  if (joined === undefined) return 'no answer'
  if (joined.recovered && (since?.epoch !== epoch || since.offset + joined.missed !== joined.offset)) return 'recovered, but not from where it stopped'
  const first = joined.recovered && since !== undefined ? since.offset + 1 : joined.offset + 1
  if (isTold && since === undefined) return 'told, though history never stopped reaching it'
  const broken = offsets.findIndex((offset, i) => offset !== first + i)
  if (broken >= 0) return `${offsets[broken]} at place ${broken} after ${first}`
  if (!isTold && joined.epoch === epoch && first + offsets.length !== last + 1) return `ends with ${first + offsets.length - 1} of ${last}, and was not told`
}

/** @param past updates that are there before anyone joins. Resolves with how it went wrong, else undefined. */
async function runTrial (broker: Broker, room: string, random: Random): Promise<string | undefined> {
  const lossPercent = [0, 5, 25][random.below(3)] as number
  const publish = (n: number) => broker.publish({ room, event: 'N', payloadJson: String(n), userId: 'ann', sub: 'ann' })
  const past = random.below(50)
  for (const n of upTo(past)) await publish(n)
  const [{ epoch }] = await broker.touch([room]) as [StreamPosition]
  // Every third feed lags far behind its room: its channel is slow.
  const disturbed = disturb(broker, random, { lossPercent, lag: [1, 2, 8][random.below(3)] as number })
  // Of six members: some or all of them get an update in a later turn.
  const MEMBERS_PER_TURN = [1, 4, 100][random.below(3)] as number
  const feed = createFeed({ room, broker: disturbed, turn: createTurn(), memory, settings: { ...settings, MEMBERS_PER_TURN }, metrics, log: silent })
  await untilDone(() => feed.open())

  const publishing = (async () => {
    for (const n of upTo(UPDATES)) {
      await turns(random, 2)
      await publish(past + n)
    }
  })()
  const members: Watched[] = []
  await Promise.all(upTo(6).map(async () => {
    await turns(random, 40)
    const kinds = [undefined, { epoch, offset: random.below(past + 1) }, { epoch, offset: past + random.below(UPDATES) }, { epoch: 'other', offset: 3 }]
    const since = kinds[random.below(kinds.length)]
    let member = createWatched(random, since)
    await untilDone(async () => {
      member = createWatched(random, since)
      await feed.join(member, since, joined => { member.joined = joined })
    })
    members.push(member)
  }))
  await publishing
  const last = past + UPDATES
  const isWhole = () => members.every(member => member.isTold || faultOf(member, epoch, last) === undefined)
  for (let i = 0; i < 60 && !isWhole(); i++) {
    await untilDone(async () => {
      const before = feed.position()
      const [found] = await broker.touch([room]) as [StreamPosition]
      await turns(random, 12)
      await feed.compare(found, before, 'position check')
    })
    await turns(random, 12)
  }
  await feed.close()
  return members.map(member => faultOf(member, epoch, last)).find(fault => fault !== undefined)
}

/** As a client does after `broker/unavailable`. */
async function untilDone (work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof RoomcastError)) throw error
    }
  }
}

for (const { kind, trials } of [{ kind: 'embedded', trials: 1000 }, { kind: 'redis', trials: 300 }]) {
  test(`${trials} trials on the ${kind} broker with delays and losses at every step: once, in order, or told`, async t => {
    const seed = Number(process.env['SEED'] ?? randomInt(2 ** 31))
    t.comment(`seed ${seed}`)
    const broker = kind === 'embedded' ? createMemoryBroker({ instance: 'test', settings, metrics }) : await connectRedis()
    t.teardown(() => broker.close())
    const before = (await metrics.recoveries.get()).values.map(({ value }) => value)
    for (let i = 0; i < trials; i++) {
      const fault = await runTrial(broker, `trial/${i}`, createRandom(seed + i))
      if (fault === undefined) continue
      t.fail(`trial ${i}, to be repeated with SEED=${seed + i}: ${fault}`)
      break
    }
    const after = (await metrics.recoveries.get()).values.map(({ value }, i) => value - (before[i] ?? 0))
    t.ok(after.length === 2 && after.every(count => count > trials / 4), `both outcomes of recovery were met often: ${after.join(', ')}`)

    async function connectRedis (): Promise<Broker> {
      const redis = await startRedis(t)
      return await connected(redisBroker(t, redis.url, env))
    }
  })
}
