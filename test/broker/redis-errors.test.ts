// What Redis refuses is not in doubt, what a script met half-way is: the table, row by row, with the texts of 6.2 and 7.
import { inspect } from 'node:util'
import { test } from 'tap'
import {
  connected, eventually, freePort, HOST, listenTo, publication, redisBroker, startOldRedis, startProxy, startRedis, wrappedAs62
} from '../helpers/index.ts'

const NOTHING_WAS_DONE = 'broker/unavailable'
const IN_DOUBT = 'broker/timeout'

const refusals: Record<string, string> = {
  READONLY: "READONLY You can't write against a read only replica.",
  MASTERDOWN: "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  OOM: "OOM command not allowed when used memory > 'maxmemory'.",
  MISCONF: 'MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk. Commands that may modify the data set are disabled.',
  BUSY: 'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
  UNKILLABLE: 'UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.',
  NOREPLICAS: 'NOREPLICAS Not enough good replicas to write.',
  LOADING: 'LOADING Redis is loading the dataset in memory',
  NOSCRIPT: 'NOSCRIPT No matching script. Please use EVAL.',
  NOAUTH: 'NOAUTH Authentication required.',
  WRONGPASS: 'WRONGPASS invalid username-password pair or user is disabled.',
  DENIED: 'DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user.',
  MOVED: 'MOVED 3999 127.0.0.1:6381',
  ASK: 'ASK 3999 127.0.0.1:6381',
  TRYAGAIN: 'TRYAGAIN Multiple keys request during rehashing of slot',
  CROSSSLOT: "CROSSSLOT Keys in request don't hash to the same slot",
  CLUSTERDOWN: 'CLUSTERDOWN Hash slot not served'
}
const PLAIN_NOPERM = "NOPERM this user has no permissions to run the 'evalsha' command or its subcommand"

test('refused before anything was written', async t => {
  const redis = await startOldRedis(t)
  const broker = await connected(redisBroker(t, redis.url))
  const answersTo = async (text: string) => {
    await eventually(() => broker.fault() === undefined)
    redis.refuse(text)
    const error = await broker.publish(publication()).catch((error: Error) => error)
    redis.refuse(undefined)
    return error
  }

  for (const [word, text] of Object.entries(refusals)) {
    await t.test(`${word}: nothing was executed, plain, and as Redis 6.2 and 7 wrap it`, async t => {
      const forms = [text, wrappedAs62(text), `@user_script: 77: -${text}`, `${text} script: f_${'0a'.repeat(20)}, on @user_script:20.`]
      for (const form of forms) t.match(await answersTo(form), { code: NOTHING_WAS_DONE, status: 503, retryable: true }, form)
    })
  }

  await t.test('NOPERM: nothing was executed where the script was not begun', async t => {
    for (const text of [PLAIN_NOPERM, "NOPERM User roomcast has no permissions to run the 'evalsha' command", 'NOPERM No permissions to access a key']) {
      t.match(await answersTo(text), { code: NOTHING_WAS_DONE }, text)
    }
  })

  await t.test('an error in the middle of a script leaves the command in doubt, and so does an unknown error', async t => {
    const texts = [
      wrappedAs62("The user executing the script can't run this command or subcommand", 77),
      wrappedAs62(PLAIN_NOPERM, 77),
      `ERR The user executing the script can't run this command or subcommand script: f_${'0a'.repeat(20)}, on @user_script:77.`,
      `NOPERM ACL failure in script: User default has no permissions to run the 'xadd' command script: f_${'0a'.repeat(20)}, on @user_script:77.`,
      "NOPERM ACL failure in script: User default has no permissions to run the 'xadd' command",
      wrappedAs62('WRONGTYPE Operation against a key holding the wrong kind of value', 77),
      'ERR READONLY is not the first word here', 'OOMPH', 'readonly', 'ERR', ''
    ]
    for (const text of texts) t.match(await answersTo(text), { code: IN_DOUBT, status: 503, retryable: true }, text)
  })

  await t.test('a read changes nothing, so it is never in doubt', async t => {
    for (const text of [PLAIN_NOPERM, wrappedAs62(PLAIN_NOPERM), 'ERR whatever']) {
      await eventually(() => broker.fault() === undefined)
      redis.refuse(text)
      await t.rejects(broker.history('acme/board-1', 0, { maxUpdates: 1, maxBytes: 1 }), { code: NOTHING_WAS_DONE })
      redis.refuse(undefined)
    }
  })

  await t.test('an error carries neither the command nor its arguments', async t => {
    redis.refuse(PLAIN_NOPERM)
    const error = await broker.publish(publication({ payload: 'payload-that-nobody-may-log' })).catch((error: Error) => error)
    t.match(error, { cause: { message: /NOPERM/ } })
    t.notMatch(inspect(error, { depth: 9, showHidden: true }), /payload-that|roomcast:\{/)
  })
})

for (const [how, text] of [['plain', refusals.READONLY], ['as Redis 6.2 wraps it', wrappedAs62(refusals.READONLY as string)], ['a replica without its master', refusals.MASTERDOWN]] as const) {
  test(`a demoted master is left at its first refusal, by both connections, and the new one found: ${how}`, async t => {
    const [old, master] = [await startOldRedis(t), await startRedis(t)]
    const proxy = await startProxy(t, old.port)
    const broker = await connected(redisBroker(t, proxy.url()))
    const { until } = await listenTo(broker)
    t.match(await broker.publish(publication()), { epoch: 'epoch' })

    old.refuse(text)
    proxy.retarget(master.port)
    await t.rejects(broker.publish(publication({ callerId: 'a' })), { code: NOTHING_WAS_DONE })
    await eventually(() => broker.fault() === undefined, 2000)
    t.match(await broker.publish(publication({ callerId: 'a' })), { offset: 1, duplicate: false, instances: 1 })
    t.match(await until(1), [{ id: 'a' }])
  })
}

test('a server that says that it is a replica, or still loads, is not asked; it is when it has become a master', async t => {
  const old = await startOldRedis(t)
  const broker = await connected(redisBroker(t, old.url))
  const before = old.scripts()
  for (const [name, value] of Object.entries({ role: 'slave', loading: '1' })) {
    old.tell({ [name]: value })
    old.refuse(refusals.READONLY)
    await t.rejects(broker.publish(publication()), { code: NOTHING_WAS_DONE })
    const seen = old.connections()
    await eventually(() => old.connections() > seen + 5)
    t.match(broker.fault(), /not connected/)
    await t.rejects(broker.publish(publication()), { code: NOTHING_WAS_DONE })
    old.tell({})
    old.refuse(undefined)
    await connected(broker)
    t.match(await broker.publish(publication()), { epoch: 'epoch' })
  }
  t.equal(old.scripts(), before + 4)
})

test('a link on which every command fails for PROBE_TIMEOUT_MS is replaced; one on which some do not stays', async t => {
  const [bad, good] = [await startOldRedis(t), await startRedis(t)]
  const proxy = await startProxy(t, bad.port)
  const broker = await connected(redisBroker(t, proxy.url(), { PROBE_TIMEOUT_MS: '600', PROBE_INTERVAL_MS: '100' }))
  const publishOnce = () => broker.publish(publication()).then(({ epoch }) => epoch, () => 'refused')
  const startedAt = performance.now()
  const outcomes = new Set<string>()
  while (performance.now() - startedAt < 1000) {
    bad.refuse('ERR now and then')
    outcomes.add(`first ${await publishOnce()}`)
    bad.refuse(undefined)
    outcomes.add(`then ${await publishOnce()}`)
  }
  t.strictSame([...outcomes], ['first refused', 'then epoch'])
  t.equal(bad.connections(), 2)

  bad.refuse('ERR for good', 'everything')
  proxy.retarget(good.port)
  const refusedAt = performance.now()
  await eventually(async () => !['refused', 'epoch'].includes(await publishOnce()))
  t.ok(performance.now() - refusedAt >= 600, `replaced after ${Math.round(performance.now() - refusedAt)} ms`)
})

test('OOM on every command is no reason to leave while the server says who it is, and one when it does not', async t => {
  const [full, good] = [await startOldRedis(t), await startRedis(t)]
  const proxy = await startProxy(t, full.port)
  const broker = await connected(redisBroker(t, proxy.url(), { PROBE_TIMEOUT_MS: '400', PROBE_INTERVAL_MS: '100' }))
  const publishOnce = () => broker.publish(publication()).then(({ epoch }) => epoch, () => 'refused')
  full.refuse(refusals.OOM)
  proxy.retarget(good.port)
  const startedAt = performance.now()
  await eventually(async () => await publishOnce() === 'refused' && performance.now() - startedAt > 1200)
  t.equal(await publishOnce(), 'refused')
  t.equal(full.connections(), 2)
  full.refuse(refusals.OOM, 'everything')
  await eventually(async () => await publishOnce() !== 'refused')
})

test('a server that refuses everything is asked again at the pace of REDIS_RECONNECT_MAX_MS', async t => {
  const old = await startOldRedis(t)
  old.refuse(PLAIN_NOPERM, 'everything')
  redisBroker(t, old.url, { REDIS_RECONNECT_MAX_MS: '200' })
  await eventually(() => old.connections() >= 12)
  const [before, startedAt] = [old.connections(), performance.now()]
  await eventually(() => performance.now() - startedAt > 1000)
  const rate = (old.connections() - before) / (performance.now() - startedAt) * 1000
  t.ok(rate <= 12, `${rate} connections a second, by two links`)
})

test('nothing of a password is told when the server does not know AUTH and quotes it', async t => {
  const old = await startOldRedis(t)
  old.refuse('ERR unknown command `AUTH`, with args beginning with: `us#er`, `hunter2`, ', 'password')
  const broker = redisBroker(t, `redis://us%23er:hunter2@${HOST}:${old.port}`)
  await eventually(() => old.connections() > 4)
  const error = await broker.publish(publication()).catch((error: Error) => error)
  t.match(error, { code: NOTHING_WAS_DONE })
  t.match(broker.lines, [{ level: 'warn', fields: { redis: `${HOST}:${old.port}`, err: 'ERR unknown command `AUTH`' } }])
  t.notMatch(inspect([broker.lines, error], { depth: 9, showHidden: true }), /hunter2/)
})

test('a database that the server does not have is never taken for another', async t => {
  const redis = await startRedis(t, { args: ['--databases', '2'] })
  const broker = redisBroker(t, `${redis.url}/2`)
  await eventually(() => broker.lines.some(({ fields }) => JSON.stringify(fields).includes('DB index is out of range')))
  const attempts = async () => (await broker.metrics.redisReconnects.get()).values.reduce((sum, { value }) => sum + value, 0)
  await eventually(async () => await attempts() > 6)
  t.match(broker.fault(), /not connected/)
  await t.rejects(broker.publish(publication()), { code: NOTHING_WAS_DONE })
  t.strictSame(await redis.client().keys('*'), [])
})

test('a long outage: a line when it begins, one when it ends, and nothing in between', async t => {
  const port = await freePort()
  const broker = redisBroker(t, `redis://:hunter2@${HOST}:${port}`, { REDIS_RECONNECT_MAX_MS: '50' })
  const attempts = async () => (await broker.metrics.redisReconnects.get()).values.reduce((sum, { value }) => sum + value, 0)
  await eventually(async () => await attempts() > 20)
  t.strictSame(broker.lines, [{ level: 'warn', fields: { redis: `${HOST}:${port}`, err: 'ECONNREFUSED' }, text: 'redis is unavailable: publishers get 503, clients stay connected; it is tried again and again' }])
  const redis = await startRedis(t, { port, password: 'hunter2' })
  await connected(broker)
  await broker.publish(publication())
  const [, ...after] = broker.lines.filter(({ level }) => level === 'warn')
  t.match(after, [{ fields: { redis: `${HOST}:${port}`, failures: Number, awayMs: Number }, text: 'redis is available again' }])

  await redis.stop()
  await eventually(() => broker.fault() !== undefined)
  t.equal(broker.lines.filter(({ level }) => level === 'warn').length, 2, 'the same line comes at most once a minute')
  t.notMatch(inspect(broker.lines, { depth: 9 }), /hunter2/)
})
