// What an instance notices of a cluster that changes: masters that join, and slots that do not stay.
import calculateSlot from 'cluster-key-slot'
import { test } from 'tap'
import { connected, eventually, freePort, HOST, listenTo, publication, redisBroker, startRedis, startRedisCluster, upTo, type RedisServer } from '../helpers/index.ts'
import type { Receipt } from '../../services/wire/protocol.ts'

test('a master without slots: an outage of it has an end in the log, although nothing is written there', async t => {
  const redis = await startRedisCluster(t, { replicas: 0 })
  const broker = await connected(redisBroker(t, '', { REDIS_CLUSTER: redis.addresses }))
  const busPort = await freePort()
  const fourth = await startRedis(t, { args: ['--cluster-enabled', 'yes', '--cluster-port', String(busPort)] })
  const place = `${HOST}:${fourth.port}`
  const told = () => broker.lines.filter(({ fields }) => (fields as { redis?: string }).redis === place).map(({ text }) => text)
  const [first] = redis.servers
  await redis.clientOf(first as RedisServer).call('CLUSTER', 'MEET', HOST, fourth.port, busPort)
  await eventually(() => told().includes('redis connected'), 15_000)
  const before = told().length

  await fourth.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await eventually(() => told().length >= before + 2)
  t.match(told().slice(before), [/^redis is unavailable/, /^redis is available again/])
  t.equal(broker.shards().length, 3, 'it serves no rooms')
  t.match(await broker.publish(publication()), { offset: 1 })
})

test('a slot that moves two hundred times, also on before it was followed: the subscriber is there again within 2 s', async t => {
  const redis = await startRedisCluster(t, { replicas: 0 })
  const env = { REDIS_CLUSTER: redis.addresses }
  const [sender, receiver] = [await connected(redisBroker(t, '', env, 'sender')), await connected(redisBroker(t, '', env, 'receiver'))]
  const slot = calculateSlot('acme/board-1')
  const { messages } = await listenTo(receiver)
  const elsewhere = await listenTo(receiver, 'acme/board-2')
  const home = await redis.masterOf(slot)
  const [left, right] = redis.servers.filter(server => server !== home) as [RedisServer, RedisServer]
  const gaps: number[] = []
  const receipts: Receipt[] = []
  const moves = upTo(50).flatMap(n => n % 2 === 0 ? [left, home, right, home] : [left, right, left, home])
  for (const [i, to] of moves.entries()) {
    await redis.migrate(slot, to)
    // Two moves follow each other without a pause.
    if (i % 4 === 0) continue
    const startedAt = performance.now()
    await eventually(async () => {
      const receipt = await sender.publish(publication({ payload: receipts.length + 1 }))
      receipts.push(receipt)
      return receipt.instances === 1
    })
    gaps.push(performance.now() - startedAt)
  }
  t.ok(Math.max(...gaps) < 2000, `the longest gaps: ${gaps.sort((a, b) => b - a).slice(0, 5).map(Math.round).join(', ')} ms`)
  t.strictSame(receipts.map(({ offset }) => offset), upTo(receipts.length))
  t.equal(new Set(receipts.map(({ epoch }) => epoch)).size, 1)
  await eventually(() => messages.some(message => message.kind === 'update' && message.payload === receipts.length))
  const arrived = messages.map(message => message.kind === 'update' ? Number(message.payload) : 0)
  t.ok(arrived.every((n, i) => n > (arrived[i - 1] ?? 0)), 'in order, none twice')
  t.equal(elsewhere.messages.length, 0)
})
