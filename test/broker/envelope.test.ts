// The envelope on Redis: survives what it cannot read, ignores what it does not know.
import { test } from 'tap'
import { createEnvelopeReader, envelopeBody, presenceEnvelope, readPresenceEntry } from '../../services/broker/envelope.ts'
import { publication } from '../helpers/index.ts'

const update = { v: 1, kind: 'update', epoch: 'e', offset: 7, publishedAt: 1_700_000_000_000, id: 'a', event: 'MOVE', payload: { x: 1 }, userId: 'ann' }
const readEnvelope = createEnvelopeReader('acme/board-1')
const write = (rest: object) => JSON.stringify({ ...update, ...rest })

test('what is written is read', async t => {
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
