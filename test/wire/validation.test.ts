// Faults in one sentence: the place and what should be there, never the value.
import { test } from 'tap'
import { HttpPublish, SubscribePayload } from '../../services/wire/protocol.ts'
import { createValidator } from '../../services/wire/validation.ts'

const validator = createValidator(SubscribePayload)

test('a value of the right form passes as it is, extra fields too', async t => {
  const value = { workspaceId: 'acme', appId: 'b', since: { epoch: 'e', offset: 0 }, more: 1 }
  t.equal(validator.parse(value), value)
  t.ok(validator.accepts(value))
})

test('the first fault is named by its place', async t => {
  const cases: Array<[object | null | string, RegExp]> = [
    [{ workspaceId: 'a b', appId: 'b' }, /^workspaceId: .*\^\[A-Za-z0-9_\.-\]\{1,64\}\$/],
    [{ appId: 'b' }, /^workspaceId: /],
    [{ workspaceId: 'a', appId: 'b', since: { epoch: 'e', offset: -1 } }, /^since\.offset: .*0/],
    [{ workspaceId: 'a', appId: 'b', since: 7 }, /^since: .*object/],
    [null, /^The request: .*object/],
    ['text', /^The request: .*object/],
    [[], /^The request: |^workspaceId: /]
  ]
  for (const [value, message] of cases) t.throws(() => validator.parse(value), { code: 'request/invalid', message }, JSON.stringify(value))
})

test('a fault does not show the value', async t => {
  t.notMatch(createValidator(HttpPublish).describeFault({ workspaceId: 'hunter 2', appId: 'hunter 2', event: 'hunter 2' }), /hunter/)
})

test('prototype keys are plain data or a fault, and change nothing', async t => {
  const body: unknown = JSON.parse('{"__proto__":{"appId":"b"},"workspaceId":"a","constructor":1}')
  t.throws(() => validator.parse(body), { code: 'request/invalid' })
  t.equal(({} as { appId?: string }).appId, undefined)
})
