// The main job: an update published anywhere reaches everyone in the room, on every instance, and nobody else.
import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'
import { test, type Test } from 'tap'
import { cluster, connect, follow, publish, startRedis, subscribe, token } from './helpers/index.ts'

test('sixteen concurrent publishers over both instances: everyone sees offsets 1 to 1,000 in order, each once', async t => {
  const redis = await startRedis(t)
  const instances = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all(instances.map(instance => instance.ready()))
  const sockets = await Promise.all([...instances, ...instances].map((instance, i) => connect(t, instance.url, { token: token({ sub: `user-${i}` }) })))
  const followers = await Promise.all(sockets.map(socket => follow(socket, 'acme', 'board-1')))
  const total = 1000
  let next = 0
  await Promise.all(Array.from({ length: 16 }, async (_, i) => {
    while (next < total) {
      const n = next++
      const { status } = await publish((instances[i % 2] ?? instances[0]).url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: n })
      if (status !== 200) t.fail(`publish answered ${status}`)
    }
  }))
  for (const follower of followers) {
    const updates = await follower.until(total, 20_000)
    t.strictSame(updates.map(({ offset }) => offset), Array.from({ length: total }, (_, i) => i + 1))
    t.equal(new Set(updates.map(({ payload }) => payload)).size, total)
  }
})

test('an instance without members of a room gets no byte of that room from Redis, until it has some', async t => {
  const redis = await startRedis(t)
  const tap = await wiretap(t, redis.port)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url })
  const [c] = await cluster(t, 1, { REDIS_URL: `redis://127.0.0.1:${tap.port}` })
  await Promise.all([a.ready(), b.ready(), c.ready()])
  const [ann, eve] = [await connect(t, b.url, { token: token({ sub: 'ann' }) }), await connect(t, c.url, { token: token({ sub: 'eve' }) })]
  const follower = await follow(ann, 'acme', 'board-1')
  const elsewhere = await follow(eve, 'acme', 'board-2')
  for (let n = 1; n <= 20; n++) {
    t.match((await publish(a.url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: n })).body.data, { offset: n, instances: 1 })
  }
  await follower.until(20)
  await publish(a.url, { workspaceId: 'acme', appId: 'board-2', event: 'N', payload: 0 })
  await elsewhere.until(1)
  t.match(tap.received(), 'acme/board-2')
  t.notMatch(tap.received(), 'acme/board-1')
  await subscribe(eve, 'acme', 'board-1')
  t.match((await publish(a.url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 21 })).body.data, { instances: 2 })
})

/** Forwards to a port, and keeps all that comes back from there. */
async function wiretap (t: Test, target: number) {
  const chunks: Buffer[] = []
  const server = createServer(client => {
    const upstream = createConnection(target, '127.0.0.1')
    client.pipe(upstream).pipe(client)
    upstream.on('data', (chunk: Buffer) => chunks.push(chunk))
    for (const socket of [client, upstream]) {
      socket.on('error', () => socket.destroy())
      t.teardown(() => { socket.destroy() })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return { port: (server.address() as { port: number }).port, received: () => Buffer.concat(chunks).toString() }
}
