// The lines about a Redis that cannot be used: the first failure, a summary now and then, the end.
import { test } from 'tap'
import { createRedisOutage } from '../../services/broker/redis-outage.ts'
import { eventually, keptLog } from '../helpers/index.ts'

test('however often it fails: one line, summaries with the last reason, one line at the end, and again', async t => {
  const { log, lines } = keptLog()
  const outage = createRedisOutage('redis:6379', log, 20)
  outage.over()
  for (const reason of ['ECONNREFUSED', 'ECONNREFUSED', 'ETIMEDOUT']) outage.failed(reason)
  outage.lost()
  t.strictSame(lines, [{ level: 'warn', fields: { redis: 'redis:6379', err: 'ECONNREFUSED' }, text: 'redis is unavailable' }])
  await eventually(() => lines.length >= 3)
  t.match(lines[1], { level: 'warn', fields: { redis: 'redis:6379', err: 'ETIMEDOUT', failures: 3, awayMs: Number }, text: 'redis is still unavailable' })
  outage.over()
  outage.over()
  const count = lines.length
  t.match(lines.at(-1), { level: 'warn', fields: { redis: 'redis:6379', failures: 3, awayMs: Number }, text: 'redis is available again' })

  outage.lost()
  t.match(lines.slice(count), [{ fields: { err: 'connection closed' }, text: 'redis is unavailable' }])
  outage.close()
})

test('a Redis that refuses what is published is told once in the time of a summary', async t => {
  const { log, lines } = keptLog()
  const outage = createRedisOutage('redis:6379', log, 50)
  for (const reason of ['OOM', 'OOM', 'MISCONF']) outage.refused(reason)
  t.strictSame(lines, [{ level: 'warn', fields: { redis: 'redis:6379', err: 'OOM' }, text: 'redis refuses publishes' }])
  await eventually(() => {
    outage.refused('MISCONF')
    return lines.length === 2
  })
})
