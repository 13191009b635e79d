// Many large publishes while Redis hangs: what is held for it is bounded, the rest is refused at once, and all goes on after.
import { readFile } from 'node:fs/promises'
import { test } from 'tap'
import { call, eventually, publish, startInstance, startRedis, token, upTo } from '../helpers/index.ts'
import type { Receipt, Result } from '../../services/wire/protocol.ts'

const MAX_BYTES = 2_000_000
const PAYLOAD = 'x'.repeat(60_000)

test('many large publishes while Redis hangs: at most REDIS_MAX_PENDING_BYTES are held, the others are answered 503 at once', async t => {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url, REDIS_MAX_PENDING_BYTES: String(MAX_BYTES), PUBLISH_TIMEOUT_MS: '2000', PROBE_TIMEOUT_MS: '60000' })
  await instance.ready()
  const send = (id: string) => publish(instance.url, { workspaceId: 'acme', appId: 'board', event: 'N', payload: PAYLOAD, id })
  const residentMb = async () => Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${instance.pid}/status`, 'utf8'))?.[1]) / 1024
  const limitHits = async () => Number(/limit_hits_total\{limit="redis-pending-bytes"\} (\d+)/.exec(await (await fetch(`${instance.url}/metrics`)).text())?.[1] ?? 0)
  // Up to the size that the process has under this load anyway.
  for (const round of upTo(10)) await Promise.all(upTo(40).map(n => send(`before-${round}-${n}`)))
  const before = await residentMb()

  redis.pause()
  const codes: string[] = []
  for (const round of upTo(10)) await Promise.all(upTo(40).map(async n => { codes.push((await send(`hung-${round}-${n}`)).body.error?.code ?? 'published') }))
  const count = (code: string) => codes.filter(one => one === code).length
  t.equal(count('broker/timeout') + count('broker/unavailable'), 400)
  t.ok(count('broker/timeout') > 0 && count('broker/timeout') * PAYLOAD.length <= MAX_BYTES, `${count('broker/timeout')} were sent`)
  t.ok(await limitHits() >= count('broker/unavailable'), 'counted, probes among them')
  t.ok(await residentMb() - before < 60, `${Math.round(await residentMb() - before)} MB more`)

  redis.resume()
  await eventually(async () => (await send('after')).status === 200)
  const all = await Promise.all(upTo(400).map(n => send(`after-${n}`)))
  t.ok(all.some(({ status }) => status === 200))
  t.ok(all.every(({ status, body }) => status === 200 || body.error?.code === 'broker/unavailable'))
})

test('an update that is refused is not overtaken by a smaller one that was given with it', async t => {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url, REDIS_MAX_PENDING_BYTES: '4000', MAX_PAYLOAD_BYTES: '2900' })
  await instance.ready()
  const update = (name: string, bytes: number) => ({ workspaceId: 'acme', appId: 'board', event: 'N', payload: { name, rest: 'x'.repeat(bytes) } })
  const sendBatch = async (...updates: object[]) => {
    const { body } = await call<{ results: Array<Result<Receipt>> }>(instance.url, 'POST', '/api/v1/publish/batch', { token: token(), body: { updates } })
    return body.data?.results ?? []
  }

  const results = await sendBatch(update('first', 1500), update('large', 2800), update('small', 10), update('last', 0))
  t.strictSame(results.map(({ error }) => error?.code ?? 'published'), ['published', ...upTo(3).map(() => 'broker/unavailable')])

  const [again] = await sendBatch(update('small', 10))
  t.equal(again?.data?.offset, 2, 'with the next turn it is taken')
})
