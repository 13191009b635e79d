// A broker that went back in time and keeps its epoch: the feed ends that epoch, however it comes to notice.
import { test, type Test } from 'tap'
import type { Broker, HistoryRead, Message } from '../../services/broker/broker.ts'
import { createFeed, type Feed } from '../../services/feeds/feed.ts'
import { createMemoryBroker } from '../../services/broker/memory-broker.ts'
import { createFeedMemory } from '../../services/feeds/memory.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import type { Member } from '../../services/feeds/member.ts'
import type { Entry } from '../../services/feeds/batch.ts'
import type { Batch } from '../../services/feeds/batch.ts'
import { createTurn } from '../../services/feeds/turn.ts'
import { readSettings } from '../../services/settings/read.ts'
import { storedUpdate, within } from '../helpers/index.ts'

/** When the updates of a turn leave. */
const endOfTurn = () => new Promise(resolve => setImmediate(resolve))
type StoredEntries = readonly Entry[]

const ROOM = 'acme/board-1'
const settings = readSettings({})
const metrics = createMetrics()
const silent = { debug () {}, info () {}, warn () {}, error () {} }
const update = { room: ROOM, event: 'N', payloadJson: '1', userId: 'ann', sub: 'ann' }

interface Rewound {
  broker: Broker
  feed: Feed
  member: Member & { offsets: number[], ended: Promise<string> }
  /** From now on the room is where it was at this offset, in the same epoch. */
  rewind (offset: number): void
  /** A message as if it came over the channel. */
  receive (message: Message): void
}

async function rewound (t: Test): Promise<Rewound> {
  const inner = createMemoryBroker({ instance: 'one', settings, metrics })
  t.teardown(() => inner.close())
  let rewoundTo: number | undefined
  let receive: (message: Message) => void = () => undefined
  const back = <T extends { offset: number }>(found: T): T => rewoundTo === undefined ? found : { ...found, offset: rewoundTo }
  const broker: Broker = {
    ...inner,
    async subscribe (room, onMessage) {
      receive = onMessage
      await inner.subscribe(room, onMessage)
    },
    touch: async (rooms, retention) => (await inner.touch(rooms, retention)).map(found => found && back(found)),
    async history (room, since, limits) {
      const found: HistoryRead = back(await inner.history(room, since, limits))
      return { ...found, updates: found.updates.filter(({ offset }) => offset <= found.offset) }
    },
    async renewEpoch (room, epoch) {
      rewoundTo = undefined
      await inner.renewEpoch(room, epoch)
    }
  }
  const feed = createFeed({ room: ROOM, broker, turn: createTurn(), memory: createFeedMemory(settings, metrics), settings, metrics, log: silent })
  await feed.open()
  const offsets: number[] = []
  let end: (code: string) => void = () => undefined
  const ended = new Promise<string>(resolve => { end = resolve })
  const member = {
    position: 0,
    offsets,
    ended,
    deliver: ({ entries }: Batch) => { for (const { update } of entries as StoredEntries) offsets.push(update.offset) },
    isFull: () => false,
    isLagging: () => false,
    whenDrained: (callback: () => void) => callback(),
    end
  }
  await feed.join(member, undefined, () => {})
  for (let i = 0; i < 5; i++) await broker.publish(update)
  await endOfTurn()
  t.strictSame(offsets, [1, 2, 3, 4, 5])
  return { broker, feed, member, rewind: offset => { rewoundTo = offset }, receive: message => receive(message) }
}

async function assertTold (t: Test, { broker, feed, member }: Rewound, epoch: string): Promise<void> {
  t.equal(await within(2000, 'told', member.ended), 'history/insufficient')
  t.not(feed.position().epoch, epoch)
  await feed.join(member, undefined, () => {})
  await broker.publish(update)
  await endOfTurn()
  t.strictSame(member.offsets, [1, 2, 3, 4, 5, 1], 'and the feed goes on in the new epoch')
}

test('a position check finds the room behind', async t => {
  const world = await rewound(t)
  const before = world.feed.position()
  world.rewind(2)
  const [found] = await world.broker.touch([ROOM])
  await within(2000, 'compared', Promise.resolve(world.feed.compare(found ?? before, before, 'test')))
  await assertTold(t, world, before.epoch)
})

test('a message of another epoch makes it look, and it finds the room behind', async t => {
  const world = await rewound(t)
  const { epoch } = world.feed.position()
  world.rewind(2)
  world.receive(storedUpdate({ epoch: 'another', id: 'x' }))
  await assertTold(t, world, epoch)
})

test('a hole makes it read, and it finds the room behind', async t => {
  const world = await rewound(t)
  const { epoch } = world.feed.position()
  world.rewind(2)
  world.receive(storedUpdate({ epoch, offset: 9, id: 'x' }))
  await assertTold(t, world, epoch)
})

test('another update at a known offset', async t => {
  const world = await rewound(t)
  const { epoch } = world.feed.position()
  world.receive(storedUpdate({ epoch, offset: 5, id: 'not-the-one' }))
  await assertTold(t, world, epoch)
})
