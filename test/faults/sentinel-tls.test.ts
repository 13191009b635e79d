// Sentinels and masters that ask for TLS and passwords of their own: found, failed over, and nothing of it in the clear.
import { test } from 'tap'
import {
  connect, eventually, follow, makeCertificates, nextEvent, noEvent, publish, roomEvent, startInstance, startRedis, startSentinel, subscribe, token
} from '../helpers/index.ts'

const PASSWORD = 'pa/ss#w%rd?@:1'
const USER = 'room/cast#1'
const SENTINEL_PASSWORD = 'watch/er#%41'

test('Sentinels and masters with TLS and passwords: two instances, a failover, database 2', async t => {
  const certificates = await makeCertificates(t)
  const sentinel = await startSentinel(t, { sentinels: 1, certificates, password: 'of-the-default-user', sentinelPassword: SENTINEL_PASSWORD })
  for (const server of [sentinel.master, sentinel.replica]) await server.client().acl('SETUSER', USER, 'on', `>${PASSWORD}`, '~*', '&*', '+@all')
  const env = {
    REDIS_URL: `rediss://${encodeURIComponent(USER)}:${encodeURIComponent(PASSWORD)}@sentinel/2`,
    REDIS_SENTINELS: sentinel.addresses,
    REDIS_SENTINEL_NAME: sentinel.name,
    REDIS_SENTINEL_PASSWORD: SENTINEL_PASSWORD,
    NODE_EXTRA_CA_CERTS: certificates.caFile
  }
  const [a, b] = await Promise.all([startInstance(t, { ...env, REDIS_SENTINEL_USERNAME: 'watcher' }), startInstance(t, env)])
  await Promise.all([a.ready(), b.ready()])
  const update = { workspaceId: 'acme', appId: 'board-1', event: 'N' }
  const ann = await connect(t, b.url, { token: token() })
  const follower = await follow(ann, 'acme', 'board-1')
  const bob = await connect(t, b.url, { token: token({ sub: 'bob' }) })
  await subscribe(bob, 'acme', 'board-2')
  t.equal((await publish(a.url, { ...update, payload: 1 })).status, 200)
  await follower.until(1)
  const channels = await sentinel.master.client().pubsub('CHANNELS') as string[]
  t.ok(channels.includes('roomcast/2:{acme/board-1}:updates'))
  t.strictSame(channels.filter(channel => !channel.startsWith('roomcast/2:')), ['__sentinel__:hello'])

  // A replica that was promoted begins a new epoch, and the members are told.
  const told = nextEvent(ann, 'unsubscribed')
  await sentinel.failover()
  t.match(await told, { code: 'history/insufficient' })
  await Promise.all([a.ready(), b.ready()])
  const again = await follow(ann, 'acme', 'board-1')
  await noEvent(bob, roomEvent('acme', 'board-1'), async () => {
    t.equal((await publish(a.url, { ...update, payload: 2 })).status, 200)
    t.match(await again.until(1), [{ payload: 2 }])
    await subscribe(bob, 'acme', 'barrier')
  })
  for (const { output } of [a, b]) {
    for (const secret of [PASSWORD, SENTINEL_PASSWORD, encodeURIComponent(PASSWORD), encodeURIComponent(SENTINEL_PASSWORD)]) t.notOk(output().includes(secret))
  }
})

test('a certificate of an unknown authority is not trusted, and the log says so', async t => {
  const certificates = await makeCertificates(t)
  const redis = await startRedis(t, { certificates, password: 'hunter2' })
  const [trusting, other] = await Promise.all([
    startInstance(t, { REDIS_URL: redis.url.replace('rediss://', 'rediss://:hunter2@'), NODE_EXTRA_CA_CERTS: certificates.caFile }),
    startInstance(t, { REDIS_URL: redis.url.replace('rediss://', 'rediss://:hunter2@') })
  ])
  await trusting.ready()
  await eventually(() => /redis is unavailable/.test(other.output()))
  t.match(other.output(), /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN/)
  t.equal((await publish(other.url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 1 })).status, 503)
  t.notMatch(other.output(), /hunter2/)
})
