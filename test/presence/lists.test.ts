// The list of who is there, while an instance reads the room.
import { test, type Test } from 'tap'
import type { Identity } from '../../services/access/identity.ts'
import type { Broker, PresenceEntry, PresenceSnapshot } from '../../services/broker/broker.ts'
import { createMemoryBroker } from '../../services/broker/memory-broker.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import type { Watcher } from '../../services/presence/announcer.ts'
import { createPresence } from '../../services/presence/presence.ts'
import { readSettings } from '../../services/settings/read.ts'
import { RoomcastError } from '../../services/wire/errors.ts'
import type { PresenceChange, PresenceList } from '../../services/wire/protocol.ts'
import { eventually, silentLog } from '../helpers/index.ts'

const ROOM = 'acme/board'
const OTHER = 'the other instance'

const ann: Identity = { sub: 'ann', name: 'Ann', email: undefined, picture: undefined, capabilities: {}, expiresAt: Infinity, issuedAt: 0, validFrom: 0, jti: undefined }
const entry = (userId: string): PresenceEntry => ({ socketId: `socket of ${userId}`, person: { userId, displayName: userId, photoURL: null, color: '#000000' } })
const names = ({ collaborators }: Pick<PresenceList, 'collaborators'>) => collaborators.map(({ userId }) => userId).sort()

/** Presence of an instance whose reads of the room end when the test says so. */
function slowly (t: Test) {
  const settings = readSettings({ PRESENCE_BATCH_MS: '10' })
  const inner = createMemoryBroker({ instance: 'this instance', settings, metrics: createMetrics() })
  const reads: Array<(found: PresenceSnapshot | RoomcastError) => void> = []
  const broker: Broker = {
    ...inner,
    presence: () => new Promise((resolve, reject) => {
      reads.push(found => { if (found instanceof RoomcastError) reject(found); else resolve(found) })
    })
  }
  const presence = createPresence({ broker, isAlive: () => true, settings, log: silentLog })
  presence.start()
  t.teardown(async () => {
    await presence.close()
    await inner.close()
  })
  const told: string[] = []
  const watcher: Watcher = { id: 'socket of ann', send: ({ texts }) => { told.push(...texts) }, isFull: () => false, whenDrained () {} }
  presence.join(ROOM, watcher, ann)
  return { broker, presence, reads, told }
}

test('a list that is asked for while the room is read is not older than what was told', async t => {
  const { broker, presence, reads, told } = slowly(t)
  const first = presence.list(ROOM)
  reads[0]?.([])
  t.strictSame(names(await first), ['ann'])
  await eventually(() => told.length === 1)

  broker.events.emit('resumed', () => true)
  const again = presence.list(ROOM)
  // It was read before he came.
  presence.onDelta(ROOM, { kind: 'presence', instance: OTHER, joined: [entry('bob')], left: [] })
  for (const end of reads.slice(1)) end([])
  t.strictSame(names(await again), ['ann', 'bob'])
  t.equal(reads.length, 2, 'one read for both')
  await eventually(() => told.length === 2)
  t.match(told[1], /"joined":\[\{"userId":"bob"/)
})

test('a list whose read fails is an error; the next one reads again', async t => {
  const { presence, reads } = slowly(t)
  const failed = presence.list(ROOM)
  reads[0]?.(new RoomcastError('broker/unavailable'))
  await t.rejects(failed, { code: 'broker/unavailable' })
  const next = presence.list(ROOM)
  reads[1]?.([{ instance: OTHER, entry: entry('bob') }])
  t.strictSame(names(await next), ['ann', 'bob'])
})

test('a room without members here is read for each list, by those who ask at the same time once', async t => {
  const { presence, reads } = slowly(t)
  const lists = Promise.all([presence.list('acme/other'), presence.list('acme/other')])
  reads[1]?.([{ instance: OTHER, entry: entry('bob') }])
  t.strictSame((await lists).map(names), [['bob'], ['bob']])
  t.equal(reads.length, 2)
})

test('members who come while such a room is read are in its list', async t => {
  const { presence, reads } = slowly(t)
  const list = presence.list('acme/other')
  presence.join('acme/other', { id: 'another socket of ann', send () {}, isFull: () => false, whenDrained () {} }, ann)
  for (const end of reads) end([])
  t.strictSame(names(await list), ['ann'])
})

test('what a list said and was undone before it was announced is told to those who got the list, and to nobody else', async t => {
  const { presence, reads, told } = slowly(t)
  const others: string[] = []
  presence.join(ROOM, { id: 'socket of eve', send: ({ texts }) => { others.push(...texts) }, isFull: () => false, whenDrained () {} }, { ...ann, sub: 'eve' })
  reads[0]?.([{ instance: OTHER, entry: entry('bob') }])
  await eventually(() => told.length === 1 && others.length === 1)
  const change = (joined: PresenceEntry[], left: string[] = []) => presence.onDelta(ROOM, { kind: 'presence', instance: OTHER, joined, left })

  change([{ ...entry('bob'), state: 'typing' }, entry('carl')])
  t.match((await presence.listText(ROOM, 'socket of ann')).text, /"typing".*"carl"/)
  change([entry('bob')], [entry('carl').socketId])
  await eventually(() => told.length === 2)
  const [, { joined, left, changed }] = JSON.parse(told[1]?.slice(1) ?? '') as [string, PresenceChange]
  t.strictSame([joined, left.map(({ userId }) => userId), changed.map(({ userId, sessions }) => [userId, sessions[0]?.state])], [[], ['carl'], [['bob', null]]])

  change([{ ...entry('bob'), state: 'away' }])
  await eventually(() => told.length === 3)
  t.match(others.slice(1), [/"away"/], 'what was undone at once')
})
