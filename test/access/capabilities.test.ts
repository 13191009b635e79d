// Capabilities: whole sides as wildcards, actions that add up, and nothing implied.
import { test } from 'tap'
import { authorize, can, type Action, type Capabilities } from '../../services/access/capabilities.ts'

const room = { workspaceId: 'acme', appId: 'board-1' }
const actions: Action[] = ['subscribe', 'publish', 'presence', 'manage']

test('a resource names the room, its workspace, its app, or all', async t => {
  for (const resource of ['acme/board-1', 'acme/*', '*/board-1', '*/*']) {
    t.ok(can({ [resource]: ['publish'] }, 'publish', room), resource)
  }
})

test('nothing else matches', async t => {
  for (const resource of [
    'acme/board-2', 'other/board-1', 'other/*', '*/board-2', 'acme', 'acme/', '/board-1', '*', '**', 'acme/**', 'acme/board*', 'acm*/board-1',
    'ACME/board-1', ' acme/board-1', 'acme/board-1/', 'acme/board-1/*', '*/*/*', '', '__proto__', 'constructor'
  ]) {
    t.notOk(can({ [resource]: actions }, 'publish', room), resource)
  }
  t.notOk(can({}, 'publish', room))
})

test('no action implies another, and unknown ones grant nothing', async t => {
  for (const given of actions) {
    for (const wanted of actions) t.equal(can({ 'acme/board-1': [given] }, wanted, room), given === wanted, `${given} → ${wanted}`)
  }
  for (const given of ['*', 'Publish', 'publish ', '']) t.notOk(can({ '*/*': [given] }, 'publish', room))
})

test('the actions of every matching resource add up', async t => {
  const capabilities: Capabilities = { 'acme/board-1': ['subscribe'], 'acme/*': ['publish'], '*/board-1': ['presence'], '*/*': [] }
  t.strictSame(actions.filter(action => can(capabilities, action, room)), ['subscribe', 'publish', 'presence'])
  t.strictSame(actions.filter(action => can(capabilities, action, { workspaceId: 'acme', appId: 'board-2' })), ['publish'])
  t.strictSame(actions.filter(action => can(capabilities, action, { workspaceId: 'other', appId: 'board-1' })), ['presence'])
})

test('an inherited property is not a capability', async t => {
  t.notOk(can(Object.create({ 'acme/board-1': ['publish'] }) as Capabilities, 'publish', room))
})

test('authorize names what is missing, and passes what is allowed', async t => {
  t.throws(() => authorize({}, 'publish', room), { code: 'auth/forbidden', status: 403, message: /publish on acme\/board-1/ })
  t.doesNotThrow(() => authorize({ 'acme/*': ['publish'] }, 'publish', room))
})
