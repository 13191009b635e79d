// Room keys: no two rooms share one, whatever their names spell in the wire format.
import { test } from 'tap'
import { Id } from '../../services/wire/protocol.ts'
import { COMMANDS_ROOM, instanceRoom, roomEvent, roomKey, roomName } from '../../services/wire/rooms.ts'
import { redisNames } from '../../services/broker/redis-scripts.ts'
import { createValidator } from '../../services/wire/validation.ts'

const idValidator = createValidator(Id)

test('a key leads back to its room', async t => {
  for (const room of [{ workspaceId: 'acme', appId: 'board-1' }, { workspaceId: '_', appId: '.' }, { workspaceId: 'a_app_b', appId: 'c' }]) {
    t.strictSame(roomName(roomKey(room)), room)
  }
})

test('rooms whose event names collide have keys and Redis names of their own', async t => {
  const one = roomKey({ workspaceId: 'a_app_b', appId: 'c' })
  const other = roomKey({ workspaceId: 'a', appId: 'b_app_c' })
  t.equal(roomEvent(one), 'workspace_a_app_b_app_c')
  t.equal(roomEvent(other), roomEvent(one))
  t.not(one, other)
  t.not(redisNames('p', one).channel, redisNames('p', other).channel)
})

test('no id can spell an internal room, or a wildcard, or leave its side of the key', async t => {
  t.equal(roomName(COMMANDS_ROOM).workspaceId, '$')
  t.equal(roomName(instanceRoom('one-1')).workspaceId, '$')
  for (const id of ['$', '*', 'a/b', '/', 'a b', ' a', 'a\n', '\n', '', 'x'.repeat(65), 'ä', 'a:b', 'a{b}', '%2f', 'a\u0000']) t.notOk(idValidator.accepts(id), JSON.stringify(id))
  for (const id of ['a', 'A-1_b.c', '..', '.', '-', 'x'.repeat(64), '__proto__']) t.ok(idValidator.accepts(id), id)
})
