// A master of a cluster that says nothing: what its silence costs, and what it must not cost.
import calculateSlot from 'cluster-key-slot'
import { test } from 'tap'
import { cluster, connect, eventually, follow, publish, startInstance, startRedisCluster, statusOf, subscribe, token, upTo } from '../helpers/index.ts'

const NEVER_REPLACED = ['--cluster-node-timeout', '60000']

test('the master with the commands is silent: not ready, with the reason; rooms of the other masters work on', async t => {
  const redis = await startRedisCluster(t, { replicas: 0, args: NEVER_REPLACED })
  const [a, b] = await cluster(t, 2, { REDIS_CLUSTER: redis.addresses })
  await Promise.all([a.ready(), b.ready()])
  const silent = await redis.masterOf(calculateSlot('$/commands'))
  const place = `127.0.0.1:${silent.port}`
  const bearer = token({ sub: 'ann' })
  const [here, elsewhere] = await Promise.all([true, false].map(async isHere => {
    let n = 0
    while ((await redis.masterOf(calculateSlot(`acme/board-${n}`)) === silent) !== isHere) n++
    return `board-${n}`
  })) as [string, string]
  const socket = await connect(t, b.url, { token: bearer })
  const spared = await follow(socket, 'acme', elsewhere)
  const hit = await follow(socket, 'acme', here)
  const send = (url: string, appId: string, payload: unknown) => publish(url, { workspaceId: 'acme', appId, event: 'N', payload })

  silent.pause()
  const told = await eventually(async () => {
    const answer = await fetch(`${a.url}/readyz`)
    return answer.status === 503 && await answer.json() as { ready: boolean, reasons: string[], silentShards: string[] }
  })
  t.match(told, { ready: false, silentShards: [place] })
  t.ok(told.reasons.some(reason => reason.startsWith(`${place}: `)), JSON.stringify(told.reasons))
  for (const { url } of [a, b]) t.equal(await statusOf(url, '/livez'), 200)
  for (const n of upTo(20)) t.equal((await send(n % 2 === 0 ? a.url : b.url, elsewhere, n)).status, 200)
  await spared.until(20)
  t.match((await send(a.url, here, 'lost')).body.error, { code: /^broker\// })
  const late = await connect(t, a.url, { token: bearer })
  t.match(await subscribe(late, 'acme', elsewhere), { status: 'SUCCESS' }, 'newcomers too')

  silent.resume()
  await Promise.all([a.ready(), b.ready()])
  await eventually(async () => (await send(a.url, here, 'back')).status === 200)
  await hit.until(update => update.payload === 'back')
  t.strictSame(hit.updates.map(({ payload }) => payload), ['back'], 'what was refused or late does not come')
})

test('a silent master holds its share of REDIS_MAX_PENDING_BYTES, and the others keep theirs', async t => {
  const payload = 'x'.repeat(60_000)
  const share = 600_000
  const redis = await startRedisCluster(t, { replicas: 0, args: NEVER_REPLACED })
  const instance = await startInstance(t, { REDIS_CLUSTER: redis.addresses, REDIS_MAX_PENDING_BYTES: String(3 * share), PUBLISH_TIMEOUT_MS: '2000', PROBE_TIMEOUT_MS: '60000' })
  await instance.ready()
  const [silent] = redis.servers
  const slots = await Promise.all(upTo(60).map(async n => await redis.masterOf(calculateSlot(`acme/board-${n}`)) === silent))
  const send = async (n: number) => (await publish(instance.url, { workspaceId: 'acme', appId: `board-${n}`, event: 'N', payload })).body.error?.code ?? 'published'
  const of = (isSilent: boolean) => upTo(60).filter(n => slots[n - 1] === isSilent)
  t.ok(of(true).length > 12 && of(false).length > 12)

  silent?.pause()
  const refused = Promise.all(of(true).map(send))
  for (let from = 0; from < of(false).length; from += 5) {
    t.strictSame(new Set(await Promise.all(of(false).slice(from, from + 5).map(send))), new Set(['published']))
  }
  const codes = await refused
  const sent = codes.filter(code => code === 'broker/timeout').length
  t.ok(sent > 0 && sent * payload.length <= share, `${sent} were sent`)
  t.equal(codes.filter(code => code === 'broker/unavailable').length, codes.length - sent, 'the others were refused')
  silent?.resume()
  await eventually(async () => await send(of(true)[0] ?? 0) === 'published')
})
