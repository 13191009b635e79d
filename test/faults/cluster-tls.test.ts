// A cluster that asks for TLS and a user with a password: found through one node, a slot moved, nothing of it in the clear.
import calculateSlot from 'cluster-key-slot'
import { test } from 'tap'
import { connect, eventually, follow, makeCertificates, noEvent, publish, roomEvent, startInstance, startRedisCluster, subscribe, token, upTo } from '../helpers/index.ts'

const PASSWORD = 'pa/ss#w%rd?@:1'
const USER = 'room/cast#1'

test('a Redis Cluster with TLS and passwords: two instances, every shard, a slot that moves', async t => {
  const certificates = await makeCertificates(t)
  const redis = await startRedisCluster(t, { replicas: 0, certificates, password: 'of-the-default-user' })
  for (const server of redis.servers) await redis.clientOf(server).acl('SETUSER', USER, 'on', `>${PASSWORD}`, '~*', '&*', '+@all')
  const [seed = ''] = redis.addresses.split(',')
  const env = {
    REDIS_URL: `rediss://${encodeURIComponent(USER)}:${encodeURIComponent(PASSWORD)}@cluster`,
    REDIS_CLUSTER: seed,
    NODE_EXTRA_CA_CERTS: certificates.caFile
  }
  const [a, b] = await Promise.all([startInstance(t, env), startInstance(t, env)])
  await Promise.all([a.ready(), b.ready()])
  t.equal(((await (await fetch(`${a.url}/readyz`)).json()) as { silentShards?: string[] }).silentShards, undefined, 'all shards answer')

  const ann = await connect(t, b.url, { token: token() })
  const bob = await connect(t, b.url, { token: token({ sub: 'bob' }) })
  await subscribe(bob, 'acme', 'elsewhere')
  for (const server of redis.servers) {
    let n = 0
    while (await redis.masterOf(calculateSlot(`acme/board-${n}`)) !== server) n++
    const follower = await follow(ann, 'acme', `board-${n}`)
    await noEvent(bob, roomEvent('acme', `board-${n}`), async () => {
      t.equal((await publish(a.url, { workspaceId: 'acme', appId: `board-${n}`, event: 'N', payload: n })).status, 200)
      await follower.until(1)
      await subscribe(bob, 'acme', 'barrier')
    })
  }

  const slot = calculateSlot('acme/moved')
  const follower = await follow(ann, 'acme', 'moved')
  const home = await redis.masterOf(slot)
  const away = redis.servers.find(server => server !== home) ?? home
  let sent = 0
  for (const to of [away, home]) {
    await redis.migrate(slot, to)
    t.equal((await publish(a.url, { workspaceId: 'acme', appId: 'moved', event: 'N', payload: ++sent })).status, 200)
  }
  await follower.until(sent)
  t.strictSame(follower.updates.map(({ payload }) => payload), upTo(sent))
  for (const { output } of [a, b]) for (const secret of [PASSWORD, encodeURIComponent(PASSWORD)]) t.notOk(output().includes(secret))
})

test('a cluster with a certificate of an unknown authority, or a wrong password, is not used, and the log says so', async t => {
  const certificates = await makeCertificates(t)
  const redis = await startRedisCluster(t, { replicas: 0, certificates, password: 'hunter2' })
  const [stranger, guest] = await Promise.all([
    startInstance(t, { REDIS_CLUSTER: redis.addresses, REDIS_URL: 'rediss://:hunter2@cluster' }),
    startInstance(t, { REDIS_CLUSTER: redis.addresses, REDIS_URL: 'rediss://:hunter3@cluster', NODE_EXTRA_CA_CERTS: certificates.caFile })
  ])
  for (const [{ url, output }, reason] of [[stranger, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN/], [guest, /WRONGPASS|NOAUTH/]] as const) {
    await eventually(() => reason.test(output()))
    t.equal((await fetch(`${url}/readyz`)).status, 503)
    t.equal((await publish(url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 1 })).status, 503)
    t.notMatch(output(), /hunter/)
  }
})
