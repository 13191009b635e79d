// The rooms of the embedded broker: within their limits, and forgotten when their time has passed.
import { test } from 'tap'
import { createMemoryRooms } from '../../services/broker/memory-rooms.ts'
import { defaultRetention } from '../../services/broker/retention.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import { readSettings } from '../../services/settings/read.ts'
import { storedUpdate } from '../helpers/index.ts'

function roomsWith (env: Record<string, string> = {}) {
  const settings = readSettings(env)
  const metrics = createMetrics()
  const followed = new Set<string>()
  const retention = defaultRetention(settings)
  let time = 0
  const rooms = createMemoryRooms({ settings, metrics, isFollowed: key => followed.has(key), now: () => time })
  return {
    rooms,
    followed,
    retention,
    pass (seconds: number) {
      time += seconds * 1000
      rooms.sweep()
    },
    publish: (key: string) => rooms.append(key, retention, 100, (epoch, offset) => storedUpdate({ epoch, offset })),
    hits: async () => (await metrics.limits.get()).values.find(({ labels }) => labels.limit === 'embedded-rooms')?.value ?? 0
  }
}

test('a room that somebody only asked for is forgotten after minutes, one that is used or published to is not', async t => {
  const { rooms, retention, publish, pass } = roomsWith()
  const epochs = { read: rooms.look('read').epoch, used: rooms.use('used', retention).epoch, published: publish('published').epoch }
  const later = () => ({ read: rooms.look('read').epoch, used: rooms.look('used').epoch, published: rooms.look('published').epoch })
  pass(299)
  t.strictSame(later(), epochs)
  pass(2)
  t.not(later().read, epochs.read)
  t.equal(later().used, epochs.used)
  pass(900)
  t.not(later().used, epochs.used)
  pass(86_400)
  t.equal(later().published, epochs.published)
  pass(2_592_000)
  t.not(later().published, epochs.published)
})

test('a room that is used after it was only asked for keeps its epoch, and its life', async t => {
  const { rooms, retention, pass } = roomsWith()
  const { epoch } = rooms.look('read')
  t.equal(rooms.use('read', retention).epoch, epoch)
  pass(600)
  t.equal(rooms.look('read').epoch, epoch)
})

test('EMBEDDED_MAX_ROOMS: of rooms that are only asked for the oldest are forgotten, and no other room for them', async t => {
  const { rooms, publish, hits } = roomsWith({ EMBEDDED_MAX_ROOMS: '10' })
  const { epoch } = publish('published')
  const first = rooms.look('read-0').epoch
  for (let i = 1; i < 10; i++) rooms.look(`read-${i}`)
  t.equal(rooms.look('read-0').epoch, first)
  for (let i = 10; i < 1000; i++) rooms.look(`read-${i}`)
  t.equal(await hits(), 990)
  t.not(rooms.look('read-0').epoch, first)
  t.strictSame(rooms.look('published').log.map(({ update }) => update.epoch), [epoch])
})

test('EMBEDDED_MAX_ROOMS: of used rooms those longest unused are forgotten, except where somebody is subscribed', async t => {
  const { rooms, followed, publish, hits } = roomsWith({ EMBEDDED_MAX_ROOMS: '10' })
  followed.add('followed')
  const epochs = ['followed', 'a', 'b', ...Array.from({ length: 7 }, (_, i) => `n-${i}`)].map(key => publish(key).epoch)
  publish('a')
  publish('more-1')
  publish('more-2')
  t.equal(await hits(), 2)
  t.equal(rooms.look('followed').epoch, epochs[0])
  t.match(rooms.look('a'), { epoch: epochs[1], offset: 2 })
  t.not(rooms.look('b').epoch, epochs[2])
})
