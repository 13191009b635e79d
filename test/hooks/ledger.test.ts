// The ledger while Redis is away: what it keeps is bounded, and what it then reports is what is.
import { test } from 'tap'
import type { HookChange } from '../../services/broker/hooks.ts'
import { createLedger } from '../../services/hooks/ledger.ts'
import { readSettings } from '../../services/settings/read.ts'
import { connected, eventually, redisBroker, silentLog, startRedis, upTo } from '../helpers/index.ts'

test('who comes and goes while Redis is away leaves nothing to report; who was there and left, and who came and stayed, is reported', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url))
  const reported: HookChange[] = []
  const hooks: typeof broker.hooks = {
    ...broker.hooks,
    async report (report) {
      const answer = await broker.hooks.report(report)
      reported.push(...report.changes)
      return answer
    }
  }
  const ledger = createLedger({ broker: { ...broker, hooks }, peers: { isAlive: () => true }, settings: readSettings({}), log: silentLog, onState: () => undefined })
  const fieldsOf = (name: string) => `"userId":"${name}"`
  ledger.change('member acme/board-1 ann', fieldsOf('ann'))
  await eventually(() => reported.length === 1)
  redis.pause()
  for (const n of upTo(30_000)) {
    const subject = `member acme/board-1 guest-${n}`
    ledger.change(subject, fieldsOf(`guest-${n}`))
    // Each in a turn of its own, as sessions do it.
    if (n % 100 === 0) await new Promise(resolve => setImmediate(resolve))
    ledger.change(subject, undefined)
  }
  ledger.change('member acme/board-1 ann', undefined)
  ledger.change('member acme/board-1 bob', fieldsOf('bob'))
  redis.resume()
  await eventually(() => {
    ledger.onBeat()
    return reported.some(({ subject }) => subject.endsWith(' bob'))
  })
  const last = new Map(reported.map(({ subject, isHeld }) => [subject, isHeld]))
  t.equal(last.get('member acme/board-1 ann'), false)
  t.equal(last.get('member acme/board-1 bob'), true)
  const guests = reported.filter(({ subject }) => subject.includes('guest'))
  // Those of the report that was under way when Redis went away.
  t.ok(guests.length <= 200, `${guests.length} guests reported`)
  t.ok(guests.every(({ subject }) => last.get(subject) === false), 'and none of them stays')
  await ledger.close()
})
