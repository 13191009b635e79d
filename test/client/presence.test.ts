// What a session says that it does, with the client: said again after a reconnect, and refused where it is too much.
import { test } from 'tap'
import type { Collaborator, Room } from '@roomcast/client'
import { clientOf, heard, startInstance } from '../helpers/index.ts'

function statesOf (people: Collaborator[], userId: string): unknown[] | undefined {
  return people.find(person => person.userId === userId)?.sessions.map(({ state }) => state)
}

/** Until a room shows that a user says this, and nothing else. */
async function shows (room: Room, userId: string, state: unknown): Promise<void> {
  const isShown = (people: Collaborator[]) => JSON.stringify(statesOf(people, userId)) === JSON.stringify([state])
  if (!isShown(room.presence.collaborators)) await heard(room, 'presence', ({ collaborators }) => isShown(collaborators))
}

test('a state is set before, while and after a room is joined, comes back after a reconnect, and null clears it', async t => {
  const instance = await startInstance(t, { PRESENCE_LINGER_MS: '0' })
  await instance.ready()
  const witness = clientOf(t, instance.url, { sub: 'bob' }).room('acme', 'board-1')
  const elsewhere = clientOf(t, instance.url, { sub: 'eve' }).room('acme', 'board-2')
  await heard(elsewhere, 'presence')
  const client = clientOf(t, instance.url)
  const room = client.room('acme', 'board-1')
  room.setPresence({ selected: 'c1' })
  await shows(witness, 'ann', { selected: 'c1' })
  await shows(room, 'ann', { selected: 'c1' })
  room.setPresence({ selected: 'c2' })
  await shows(witness, 'ann', { selected: 'c2' })
  t.strictSame(statesOf(witness.presence.collaborators, 'bob'), [null])

  const { sessionId } = client
  client.socket.io.engine.close()
  room.setPresence('while away')
  await shows(witness, 'ann', 'while away')
  t.not(client.sessionId, sessionId, 'another session')

  room.setPresence(null)
  await shows(witness, 'ann', null)
  t.strictSame(elsewhere.presence.collaborators.map(({ userId }) => userId), ['eve'])
})

test('the last one counts of those who hold a room; one that was left says nothing', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const client = clientOf(t, instance.url)
  const [one, two] = [client.room('acme', 'board-1'), client.room('acme', 'board-1')]
  one.setPresence('one')
  two.setPresence('two')
  await shows(one, 'ann', 'two')
  one.leave()
  one.setPresence('gone')
  two.setPresence('three')
  await shows(two, 'ann', 'three')
})

test('a state that is refused arrives as an error of the room, which stays joined', async t => {
  const instance = await startInstance(t, { PRESENCE_STATE_BYTES: '20' })
  await instance.ready()
  const room = clientOf(t, instance.url).room('acme', 'board-1')
  await heard(room, 'joined')
  const refused = heard(room, 'error')
  room.setPresence('x'.repeat(30))
  t.match(await refused, { code: 'presence/state-too-large', retryable: false, appId: 'board-1' })
  t.ok(room.isJoined)
  const unseen = clientOf(t, instance.url, { sub: 'spy', capabilities: { '*/*': ['subscribe'] } }).room('acme', 'board-1')
  await heard(unseen, 'joined')
  const forbidden = heard(unseen, 'error')
  unseen.setPresence('here')
  t.match(await forbidden, { code: 'auth/forbidden' })
  room.setPresence('short')
  await shows(room, 'ann', 'short')
  t.equal(room.presence.count, 1)
})
