// The tokens of a connection: when each is announced and ends, and what they allow together meanwhile.
import { test } from 'tap'
import type { Identity } from '../../services/access/identity.ts'
import { createCredentials } from '../../services/sessions/credentials.ts'
import { readSettings } from '../../services/settings/read.ts'

const settings = readSettings({ TOKEN_EXPIRING_SECONDS: '60' })
const MINUTE = 60_000
const room = { workspaceId: 'acme', appId: 'board' }
const key = 'acme/board'

function identity (expiresAt: number, capabilities = {}): Identity {
  return { sub: 'ann', expiresAt, capabilities } as Identity
}

test('a token is announced once, and ends once, however far away and never before', t => {
  for (const days of [0.5, 30, 100]) {
    const end = days * 24 * 60 * MINUTE
    const credentials = createCredentials(identity(end), settings)
    t.equal(credentials.dueAt, end - MINUTE)
    t.strictSame(credentials.takeDue(end - MINUTE - 1), { expiring: [], isOver: false, rooms: [] })
    t.strictSame(credentials.takeDue(end - MINUTE), { expiring: [{ expiresAt: end }], isOver: false, rooms: [] })
    t.equal(credentials.dueAt, end)
    t.strictSame(credentials.takeDue(end - 1), { expiring: [], isOver: false, rooms: [] })
    t.strictSame(credentials.takeDue(end), { expiring: [], isOver: true, rooms: [] })
  }
  t.end()
})

test('a clock that is set back ends nothing early, and one that is set forward ends what is over', t => {
  const credentials = createCredentials(identity(60 * MINUTE), settings)
  t.strictSame(credentials.takeDue(-60 * MINUTE), { expiring: [], isOver: false, rooms: [] })
  t.equal(credentials.takeDue(61 * MINUTE).isOver, true)
  t.end()
})

test('a fresh token is announced and ends at its own time', t => {
  const credentials = createCredentials(identity(10 * MINUTE), settings)
  credentials.takeDue(9 * MINUTE)
  credentials.renew(identity(20 * MINUTE))
  t.strictSame(credentials.takeDue(10 * MINUTE), { expiring: [], isOver: false, rooms: [] })
  t.strictSame(credentials.takeDue(19 * MINUTE).expiring, [{ expiresAt: 20 * MINUTE }])
  t.end()
})

test('a room token adds its actions until it ends or is dropped, and is announced with its room', t => {
  const credentials = createCredentials(identity(60 * MINUTE, { [key]: ['presence'] }), settings)
  t.notOk(credentials.allows('subscribe', room))
  credentials.addRoomToken(key, identity(10 * MINUTE, { [key]: ['subscribe'] }))
  t.ok(credentials.allows('subscribe', room) && credentials.allows('presence', room))
  t.notOk(credentials.allows('subscribe', { ...room, appId: 'other' }))
  t.equal(credentials.dueAt, 9 * MINUTE)
  t.strictSame(credentials.takeDue(9 * MINUTE).expiring, [{ expiresAt: 10 * MINUTE, ...room }])
  t.strictSame(credentials.takeDue(10 * MINUTE), { expiring: [], isOver: false, rooms: [room] })
  t.notOk(credentials.allows('subscribe', room))
  t.ok(credentials.allows('presence', room), 'what the connection brought stays')
  credentials.addRoomToken(key, identity(30 * MINUTE, { [key]: ['subscribe'] }))
  credentials.dropRoomToken(key)
  t.strictSame([credentials.roomsWithToken(), credentials.allows('subscribe', room)], [[], false])
  t.end()
})
