// The lines about a Redis that cannot be used: the first failure, a summary now and then, the end; each at most once in a while.
import { test } from 'tap'
import { createRedisOutage } from '../../services/broker/redis-outage.ts'
import { eventually, keptLog } from '../helpers/index.ts'

const AWAY = 'redis is unavailable: publishers get 503, clients stay connected; it is tried again and again'
const STILL = 'redis is still unavailable: restore it, and change nothing else'
const REFUSES = 'redis refuses publishes: OOM needs more memory, MISCONF a disk that can be written'
const BACK = 'redis is available again'
const INTERVAL_MS = 100

test('however often it fails: one line, summaries with the last reason, one line at the end', async t => {
  const { log, lines } = keptLog()
  const outage = createRedisOutage('redis:6379', log, INTERVAL_MS)
  outage.over()
  for (const reason of ['ECONNREFUSED', 'ECONNREFUSED', 'ETIMEDOUT']) outage.failed(reason)
  outage.lost()
  t.strictSame(lines, [{ level: 'warn', fields: { redis: 'redis:6379', err: 'ECONNREFUSED' }, text: AWAY }])
  await eventually(() => lines.length >= 3)
  t.match(lines[1], { level: 'error', fields: { redis: 'redis:6379', err: 'ETIMEDOUT', failures: 3, awayMs: Number }, text: STILL })
  outage.over()
  outage.over()
  t.match(lines.at(-1), { level: 'warn', fields: { redis: 'redis:6379', failures: 3, awayMs: Number }, text: BACK })
  outage.close()
})

test('a link that comes and goes: each line once in the time, and the last one is true', async t => {
  const { log, lines } = keptLog()
  const outage = createRedisOutage('redis:6379', log, INTERVAL_MS)
  for (let i = 0; i < 5; i++) {
    outage.lost()
    outage.over()
  }
  t.strictSame(lines.map(({ text }) => text), [AWAY, BACK])
  outage.lost()
  t.equal(lines.length, 2)
  await eventually(() => lines.length > 2)
  t.match(lines[2], { text: AWAY, fields: { err: 'connection closed' } })
  outage.over()
  await eventually(() => lines.at(-1)?.text === BACK)
  outage.close()
})

test('a Redis that refuses what is published: one line, again after a while, and one when it takes publishes', async t => {
  const { log, lines } = keptLog()
  const outage = createRedisOutage('redis:6379', log, INTERVAL_MS)
  for (const reason of ['OOM', 'OOM', 'MISCONF']) outage.refused(reason)
  t.strictSame(lines, [{ level: 'error', fields: { redis: 'redis:6379', err: 'OOM' }, text: REFUSES }])
  await eventually(() => lines.length === 2)
  t.match(lines[1], { fields: { err: 'MISCONF' }, text: REFUSES })
  outage.over()
  t.equal(lines.at(-1)?.text, BACK)
  outage.close()
})
