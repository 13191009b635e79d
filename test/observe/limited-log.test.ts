// The same line comes at most once in a while, none is lost without being counted, and other lines do not wait.
import { test } from 'tap'
import { limitLog } from '../../services/observe/limited-log.ts'
import { eventually, keptLog } from '../helpers/index.ts'

const INTERVAL_MS = 200

test('a line that is repeated: at once, then once at the end of the time, with the last fields and how often', async t => {
  const { log, lines } = keptLog()
  const limited = limitLog(log, INTERVAL_MS)
  for (const bytes of [1, 2, 3, 4]) limited.warn({ bytes }, 'cut off')
  limited.warn({ bytes: 5 }, 'another text')
  limited.error({ bytes: 6 }, 'cut off')
  t.strictSame(lines, [
    { level: 'warn', fields: { bytes: 1 }, text: 'cut off' },
    { level: 'warn', fields: { bytes: 5 }, text: 'another text' },
    { level: 'error', fields: { bytes: 6 }, text: 'cut off' }
  ])
  await eventually(() => lines.length > 3)
  t.strictSame(lines.slice(3), [{ level: 'warn', fields: { bytes: 4, repeated: 2 }, text: 'cut off' }])
  limited.warn({ bytes: 7 }, 'cut off')
  t.equal(lines.length, 4, 'the time begins anew with each line')
  await eventually(() => lines.length > 4)
  t.strictSame(lines.slice(4), [{ level: 'warn', fields: { bytes: 7 }, text: 'cut off' }])
})

test('after the time, a line comes at once; lines about another Redis and for debugging are not held back', async t => {
  const { log, lines } = keptLog()
  const limited = limitLog(log, INTERVAL_MS)
  for (const redis of ['a:1', 'b:1', 'a:1']) limited.warn({ redis }, 'redis is unavailable')
  for (let i = 0; i < 3; i++) limited.debug({}, 'detail')
  t.strictSame(lines.map(({ level, fields }) => ({ level, ...fields })), [{ level: 'warn', redis: 'a:1' }, { level: 'warn', redis: 'b:1' }, ...Array.from({ length: 3 }, () => ({ level: 'debug' }))])
  // b said nothing more: it is forgotten after its time.
  await eventually(() => lines.length === 6)
  await eventually(() => {
    limited.warn({ redis: 'b:1' }, 'redis is unavailable')
    return lines.length === 7
  })
})
