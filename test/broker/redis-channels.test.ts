// Channels follow their slots from shard to shard, and a slot that has moved on meanwhile is looked for again.
import { setImmediate as turn } from 'node:timers/promises'
import { ReplyError } from 'ioredis'
import { test } from 'tap'
import { createRedisChannels } from '../../services/broker/redis-channels.ts'
import type { RedisShard } from '../../services/broker/redis-shard.ts'
import { silentLog } from '../helpers/index.ts'

/** A shard that keeps which channels it was asked for. */
function shard (name: string) {
  const channels = new Set<string>()
  const own = { name, channels, refuses: false }
  const subscribe = async (channel: string) => {
    if (own.refuses) throw new ReplyError('MOVED 7 127.0.0.1:7001')
    channels.add(channel)
  }
  const link = { subscribe, adopt: subscribe, unsubscribe: async (channel: string) => { channels.delete(channel) }, stands: { subscriber: () => true } }
  return Object.assign(own, { link }) as unknown as RedisShard & typeof own
}

function follower () {
  const [a, b] = [shard('a'), shard('b')]
  let owner = a
  const heard: string[] = []
  const say = (what: string) => (concerns: (room: string) => boolean) => { if (concerns('acme/board-1')) heard.push(what) }
  const channels = createRedisChannels({
    ownerOf: () => owner,
    redirected: async () => undefined,
    onInterrupted: say('interrupted'),
    onResumed: say('resumed'),
    onRefused: () => heard.push('refused'),
    timeoutMs: 1000,
    log: silentLog
  })
  return {
    a,
    b,
    heard,
    join: () => channels.subscribe('acme/board-1', 7, 'updates', () => undefined),
    async follow (to: typeof a) {
      owner = to
      channels.follow()
      await turn()
    }
  }
}

test('a channel follows its slot, and its room is interrupted until it is confirmed', async t => {
  const { a, b, heard, join, follow } = follower()
  await join()
  t.strictSame([[...a.channels], [...b.channels]], [['updates'], []])
  await follow(b)
  t.strictSame([[...a.channels], [...b.channels]], [[], ['updates']])
  t.strictSame(heard, ['interrupted', 'resumed'])
  await follow(b)
  t.equal(heard.length, 2, 'nothing happens while it stays')
})

test('the slot has moved back before the channel is confirmed: that is reported, and the next look brings it back', async t => {
  const { a, b, heard, join, follow } = follower()
  await join()
  b.refuses = true
  await follow(b)
  t.strictSame(heard, ['interrupted', 'refused'])
  await follow(a)
  t.strictSame(heard.slice(2), ['interrupted', 'resumed'])
  t.strictSame([[...a.channels], [...b.channels]], [['updates'], []])
})
