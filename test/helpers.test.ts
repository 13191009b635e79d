// The helpers that stand for a failing network and a failing Redis do what they say; the service's tests rest on them.
import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { connect as tcpConnect, createServer, type Socket } from 'node:net'
import { createVerifier } from 'fast-jwt'
import { test, type Test } from 'tap'
import {
  eventually, freePort, HOST, rawToken, startClock, startProxy, startRedis, startSentinel, TEST_SECRET, token, within
} from './helpers/index.ts'

test('a Redis starts, answers, and is gone after stop', async t => {
  const redis = await startRedis(t)
  t.equal(await redis.client().set('key', 'value'), 'OK')
  await redis.stop()
  t.notOk(isAlive(redis.pid))
})

test('a restarted Redis has what an append-only file kept, and only that', async t => {
  const kept = await startRedis(t, { appendonly: true, args: ['--appendfsync', 'always'] })
  const lost = await startRedis(t)
  for (const redis of [kept, lost]) {
    const pid = redis.pid
    const client = redis.client()
    await client.set('key', 'value')
    await redis.restart()
    t.not(redis.pid, pid)
    t.equal(await client.get('key'), redis === kept ? 'value' : null)
  }
})

test('a paused Redis keeps its connections, answers nothing, and goes on after resume', async t => {
  const redis = await startRedis(t)
  const client = redis.client()
  await client.ping()
  redis.pause()
  const pong = client.ping()
  await t.rejects(within(200, 'pong', pong), { message: 'pong: not within 200 ms' })
  t.equal(client.status, 'ready')
  redis.resume()
  t.equal(await pong, 'PONG')
})

test('teardown ends a Redis, also a paused one, and removes its folder', async t => {
  const left = { pid: 0, dir: '' }
  await t.test('a test that leaves a paused Redis', async t => {
    const redis = await startRedis(t)
    left.pid = redis.pid
    left.dir = redis.dir
    t.ok(isAlive(left.pid))
    redis.pause()
  })
  t.notOk(isAlive(left.pid))
  await t.rejects(access(left.dir))
})

test('a Redis that cannot start fails the test with its output', async t => {
  const redis = await startRedis(t)
  await t.rejects(startRedis(t, { port: redis.port }), { message: /Address already in use/ })
})

test('sentinels promote the replica, when asked to and when the master is killed', async t => {
  const sentinel = await startSentinel(t)
  t.equal(await sentinel.masterPort(), sentinel.master.port)
  t.equal(await sentinel.failover('crash'), sentinel.replica.port)
  t.equal(await sentinel.replica.client().set('key', 'value'), 'OK')
})

test('one sentinel is enough for a planned failover', async t => {
  const sentinel = await startSentinel(t, { sentinels: 1 })
  t.equal(await sentinel.failover('command'), sentinel.replica.port)
})

test('a proxy carries bytes, and delays them without changing their order', async t => {
  const { proxy, say, heard } = await echoThroughProxy(t)
  say('a')
  await heard('a')
  proxy.delay(60)
  const start = performance.now()
  const clock = startClock(t)
  for (const letter of 'bcd') say(letter)
  await heard('abcd')
  const took = performance.now() - start
  t.ok(took >= 115 && clock.now() < 1000, `both ways took ${took} ms`)
})

test('a black hole passes no bytes and no end; after heal everything arrives', async t => {
  const { proxy, client, say, heard, echoed } = await echoThroughProxy(t)
  say('a')
  await heard('a')
  proxy.blackhole()
  say('b')
  const newcomer = tcpConnect(proxy.port, HOST)
  t.teardown(() => newcomer.destroy())
  await once(newcomer, 'connect')
  for (const connection of echoed) connection.end('bye')
  await t.rejects(within(200, 'data', once(client, 'data')))
  t.notOk(client.readableEnded)
  await proxy.heal()
  await heard('abye')
  if (!client.readableEnded) await within(2000, 'end', once(client, 'end'))
})

test('a black hole in one direction: the request arrives, the answer does not', async t => {
  const { proxy, client, say, heard, reached } = await echoThroughProxy(t)
  proxy.blackhole('toClient')
  say('a')
  await eventually(() => reached() === 'a')
  await t.rejects(within(200, 'data', once(client, 'data')))
  await proxy.heal()
  await heard('a')
})

test('a writer feels the back pressure of a black hole', async t => {
  const { proxy, client, heard } = await echoThroughProxy(t)
  client.write('a')
  await heard('a')
  proxy.blackhole()
  const megabytes = 32
  client.write(Buffer.alloc(megabytes * 1024 * 1024))
  await t.rejects(within(300, 'drain', once(client, 'drain')))
  t.ok(client.writableLength > 0)
  await proxy.heal()
  await within(5000, 'drain', once(client, 'drain'))
})

test('cut closes and refuses, heal lets in again; dropAll closes only once', async t => {
  const { proxy, client } = await echoThroughProxy(t)
  const closed = once(client, 'close')
  await proxy.cut()
  await closed
  await t.rejects(once(tcpConnect(proxy.port, HOST), 'connect'), { code: 'ECONNREFUSED' })

  await proxy.heal()
  const second = tcpConnect(proxy.port, HOST)
  await once(second, 'connect')
  await eventually(() => proxy.connections() === 1)
  const dropped = once(second, 'close')
  proxy.dropAll()
  await dropped

  const third = tcpConnect(proxy.port, HOST)
  t.teardown(() => third.destroy())
  await once(third, 'connect')
})

test('Redis through a proxy that is cut is reached again after heal', async t => {
  const redis = await startRedis(t)
  const proxy = await startProxy(t, redis.port)
  const viaProxy = await startRedisClient(t, proxy.port)
  t.equal(await viaProxy.ping(), 'PONG')
  await proxy.cut()
  const pong = viaProxy.ping()
  await proxy.heal()
  t.equal(await pong, 'PONG')
})

test('a token is good by default, and bad as asked', async t => {
  const verify = createVerifier({ key: TEST_SECRET, algorithms: ['HS256'] })
  t.match(verify(token({ name: 'Ann' })), { sub: 'ann', name: 'Ann', capabilities: { '*/*': ['subscribe', 'publish', 'presence', 'manage'] } })
  t.notHas(verify(token({}, { omit: ['sub', 'iat', 'exp'] })), { sub: String, iat: Number, exp: Number })
  t.throws(() => verify(token({ exp: 1 })), { code: 'FAST_JWT_EXPIRED' })
  t.throws(() => verify(token({}, { key: 'another secret, of more than 32 characters' })), { code: 'FAST_JWT_INVALID_SIGNATURE' })
  t.throws(() => verify(rawToken({ alg: 'none' }, { sub: 'ann' })))
})

async function echoThroughProxy (t: Test) {
  const echoed = new Set<Socket>()
  let received = ''
  const port = await freePort()
  const server = createServer(socket => {
    echoed.add(socket)
    socket.on('data', chunk => {
      received += chunk.toString('latin1')
      if (!socket.writableEnded) socket.write(chunk)
    })
    socket.on('error', () => socket.destroy())
  }).listen(port, HOST)
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of echoed) socket.destroy()
    server.close()
  })

  const proxy = await startProxy(t, port)
  const client = tcpConnect(proxy.port, HOST)
  t.teardown(() => client.destroy())
  let answer = ''
  client.on('data', chunk => { answer += chunk.toString('latin1') })
  await once(client, 'connect')

  return {
    proxy,
    client,
    echoed,
    say: (text: string) => { client.write(text) },
    heard: (text: string) => eventually(() => answer === text),
    reached: () => received
  }
}

async function startRedisClient (t: Test, port: number) {
  const { Redis } = await import('ioredis')
  const client = new Redis({ host: HOST, port, retryStrategy: () => 20, maxRetriesPerRequest: null })
  client.on('error', () => undefined)
  t.teardown(() => client.disconnect())
  return client
}

function isAlive (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a bound on time: while the process gets no time the clock stands still, while it waits the clock runs', async t => {
  const clock = startClock(t)
  const heldUp = within(200, 'in vain', new Promise<never>(() => undefined))
  const late = eventually(() => false, 200)
  const until = performance.now() + 1000
  while (performance.now() < until) continue
  t.ok(clock.now() < 100, `${clock.now()} ms of 1000`)

  const before = clock.now()
  await t.rejects(heldUp, { message: 'in vain: not within 200 ms' })
  await t.rejects(late, { message: /not within 200 ms/ })
  t.ok(clock.now() - before > 100, `${clock.now() - before} ms of those that were left`)
  clock.stop()
})
