// Redis answers, and refuses: publishers are told that nothing was done, clients stay, and the flow goes on by itself.
import { test } from 'tap'
import { connect, eventually, follow, HOST, noEvent, publish, roomEvent, startInstance, startProxy, startRedis, statusOf, subscribe, token } from '../helpers/index.ts'

test('Redis refuses', async t => {
  const [redis, other] = await Promise.all([startRedis(t, { args: ['--repl-diskless-sync-delay', '0'] }), startRedis(t)])
  const proxy = await startProxy(t, redis.port)
  const instance = await startInstance(t, { REDIS_URL: proxy.url(), PROBE_INTERVAL_MS: '100', PROBE_TIMEOUT_MS: '500' })
  await instance.ready()
  const admin = redis.client()
  const ann = await connect(t, instance.url, { token: token() })
  const bob = await connect(t, instance.url, { token: token({ sub: 'bob' }) })
  await subscribe(bob, 'acme', 'elsewhere')
  let disconnects = 0
  for (const one of [ann, bob]) one.on('disconnect', () => { disconnects++ })
  const send = (appId: string, n: number) => publish(instance.url, { workspaceId: 'acme', appId, event: 'N', payload: n, id: `update-${n}` })
  const replaced = async () => Number(/links_replaced_total (\d+)/.exec(await (await fetch(`${instance.url}/metrics`)).text())?.[1])

  await t.test('full: not ready, publishes refused, no link replaced; and all goes on', async t => {
    const follower = await follow(ann, 'acme', 'full')
    t.equal((await send('full', 1)).status, 200)
    const before = await replaced()
    await admin.config('SET', 'maxmemory', '1')
    await eventually(async () => await statusOf(instance.url, '/readyz') === 503)
    t.match(await send('full', 2), { status: 503, body: { error: { code: 'broker/unavailable' } } })
    await eventually(() => /OOM command not allowed.*redis refuses publishes/.test(instance.output()))
    t.equal(await replaced(), before)
    await admin.config('SET', 'maxmemory', '0')
    await noEvent(bob, roomEvent('acme', 'full'), async () => {
      t.match(await send('full', 2), { status: 200, body: { data: { offset: 2, duplicate: false } } })
      await follower.until(2)
      await subscribe(bob, 'acme', 'barrier-1')
    })
    await instance.ready()
  })

  await t.test('demoted, the address leads to the new master: found, and nothing lost', async t => {
    const told: string[] = []
    ann.on('unsubscribed', ({ appId, code }: { appId: string, code: string }) => { told.push(`${appId}: ${code}`) })
    const follower = await follow(ann, 'acme', 'moved')
    t.equal((await send('moved', 1)).status, 200)
    await other.client().replicaof(HOST, redis.port)
    await eventually(async () => (await other.client().info('replication')).includes('master_link_status:up'))
    await other.client().call('REPLICAOF', 'NO', 'ONE')
    proxy.retarget(other.port)
    await admin.replicaof(HOST, other.port)
    t.match(await send('moved', 2), { status: 503, body: { error: { code: 'broker/unavailable' } } })
    await eventually(async () => (await send('moved', 2)).status === 200, 2000)
    await instance.ready()
    t.match(await send('moved', 3), { status: 200, body: { data: { offset: 2, instances: 1 } } })
    // The promoted replica may lack some: its rooms begin a new epoch, and members are told.
    await eventually(() => told.includes('moved: history/insufficient'))
    t.equal(follower.updates.length, 1)
    const again = await follow(ann, 'acme', 'moved')
    t.equal((await send('moved', 4)).status, 200)
    t.equal((await again.until(3)).at(-1)?.payload, 4)
  })
  t.equal(disconnects, 0)
})
