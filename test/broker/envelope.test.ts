// The envelope on Redis: survives what it cannot read, ignores what it does not know.
import { test } from 'tap'
import { createEnvelopeReader, envelopeBody, presenceEnvelope, readPresenceEntry } from '../../services/broker/envelope.ts'
import { publication } from '../helpers/index.ts'

const update = { v: 1, kind: 'update', epoch: 'e', offset: 7, publishedAt: 1_700_000_000_000, id: 'a', event: 'MOVE', payload: { x: 1 }, userId: 'ann' }
const readEnvelope = createEnvelopeReader('acme/board-1')
const write = (rest: object) => JSON.stringify({ ...update, ...rest })

test('every written envelope can be read', async t => {
  const body = envelopeBody(publication({ payload: { text: 'ü\u2028"\\' }, userId: 'bob' }), 'an-id')
  t.match(readEnvelope(`{"v":1,"kind":"update","epoch":"e","offset":7,"publishedAt":5,${body}`), {
    kind: 'update', epoch: 'e', offset: 7, publishedAt: 5, id: 'an-id', event: 'MOVE', payload: { text: 'ü\u2028"\\' }, userId: 'bob'
  })
  t.match(readEnvelope(`{"v":1,"kind":"ephemeral","epoch":"e","publishedAt":5,${body}`), { kind: 'ephemeral', id: 'an-id' })
  const delta = { instance: 'one', joined: [{ socketId: 's', person: { userId: 'ann', displayName: 'Ann', photoURL: null, color: '#abcdef' } }], left: ['t'] }
  t.match(readEnvelope(presenceEnvelope(delta)), { kind: 'presence', ...delta })
})

test('any JSON is a payload, also null', async t => {
  for (const payload of [null, 0, '', false, [], {}, 'text']) t.match(readEnvelope(write({ payload })), { payload })
})

test('fields that are not known are ignored', async t => {
  t.match(readEnvelope(write({ trace: 'abc', more: { of: ['it'] } })), { kind: 'update', offset: 7 })
})

test('another version is not read', async t => {
  for (const v of [0, 2, '1', null, undefined]) t.equal(readEnvelope(write({ v })), undefined, String(v))
})

test('garbage is survived', async t => {
  const deep = '['.repeat(100_000)
  for (const text of ['', ' ', 'null', '1', '"text"', '[]', '{}', '{"v":1}', '{', 'not json', '\u0000', deep, deep + ']'.repeat(100_000)]) {
    t.equal(readEnvelope(text), undefined, text.slice(0, 20))
    t.equal(readPresenceEntry(text), undefined)
  }
  for (const wrong of [
    { kind: 'other' }, { offset: -1 }, { offset: 1.5 }, { offset: '7' }, { offset: undefined }, { offset: null }, { epoch: '' }, { epoch: 'a/b' }, { epoch: 1 },
    { event: 'with space' }, { event: 'x'.repeat(65) }, { id: '' }, { id: 'x'.repeat(129) }, { userId: '' }, { userId: 7 }, { publishedAt: 'now' }, { payload: undefined }
  ]) t.equal(readEnvelope(write(wrong)), undefined, JSON.stringify(wrong))
})

test('envelopes are the same as those of 0.1.0, field by field', async t => {
  const given = publication({ payload: { text: 'ü\u2028"\\' }, userId: 'b"ob', event: 'MOVE' })
  const as010 = ({ trace }: { trace?: string }) => JSON.stringify({ id: 'an-id', event: 'MOVE', payload: { text: 'ü\u2028"\\' }, userId: 'b"ob', trace }).slice(1)
  for (const trace of [undefined, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01']) {
    t.equal(envelopeBody({ ...given, trace }, 'an-id'), as010({ trace }))
  }
})

test('members receive the text as it came without its head, and the room that it came for', async t => {
  const known = { epoch: 'e', publishedAt: 5, id: 'a', event: 'MOVE', userId: 'ann' }
  const odd = '{ "x" : 1.50e1, "y":"\\u0041" }'
  const text = `{"v":1,"kind":"update","epoch":"e","offset":7,"publishedAt":5,"id":"a","event":"MOVE","payload":${odd},"userId":"ann"}`
  const message = readEnvelope(text)
  t.match(message, { kind: 'update', payload: { x: 15, y: 'A' } })
  t.equal(message?.kind === 'update' && message.json, `{"workspaceId":"acme","appId":"board-1",${text.slice('{"v":1,"kind":"update",'.length)}`)
  const passing = readEnvelope('{"v":1,"kind":"ephemeral","epoch":"e","publishedAt":5,"id":"a","event":"MOVE","payload":1,"userId":"ann"}')
  t.strictSame(passing?.kind === 'ephemeral' && JSON.parse(passing.json), { ...known, workspaceId: 'acme', appId: 'board-1', payload: 1 })
})

test('an envelope with more than members may see, or in another form, is encoded again for them', async t => {
  const shown = { epoch: 'e', offset: 7, publishedAt: 1_700_000_000_000, id: 'a', event: 'MOVE', payload: { x: 1 }, userId: 'ann', workspaceId: 'acme', appId: 'board-1' }
  for (const text of [
    write({ trace: 't' }), write({ more: 1 }), write({ workspaceId: 'w', appId: 'a' }), write({ ['__proto__' as string]: 1 }),
    ` ${write({})}`, JSON.stringify(update, undefined, 1), JSON.stringify({ ...Object.fromEntries(Object.entries(update).reverse()) })
  ]) {
    const message = readEnvelope(text)
    t.strictSame(message?.kind === 'update' && JSON.parse(message.json), shown, text)
  }
})

test('a payload nested too deep is not read', async t => {
  const nested = (depth: number) => `{"v":1,"kind":"update","epoch":"e","offset":7,"publishedAt":5,"id":"a","event":"MOVE","payload":${'['.repeat(depth)}${']'.repeat(depth)},"userId":"ann"}`
  t.strictSame([1999, 2000, 2001, 100_000].map(depth => readEnvelope(nested(depth)) !== undefined), [true, true, false, false])
})
