// What leaves when: the order between the updates of a room, which go straight to the socket, and what Engine.IO sends.
import { once } from 'node:events'
import { test } from 'tap'
import type { Socket } from 'socket.io'
import type { Member } from '../../services/feeds/member.ts'
import { counted, eventually, openWebSocket, upTo } from '../helpers/index.ts'
import { listen, listenAndPause, publishMuch, startWorld } from '../helpers/one-room.ts'

for (const transport of ['websocket', 'polling']) {
  test(`what is emitted between two updates of one turn comes between them, over ${transport}`, async t => {
    const world = await startWorld(t)
    const { heard } = await listen(t, world.url, [transport])
    const other = await listen(t, world.url, [transport])
    await eventually(() => world.sockets.length === 2)
    for (let round = 0; round < 20; round++) {
      const first = 4 * round
      world.publish(2)
      world.sockets[0]?.emit(`between-${round}`)
      world.publish(2)
      await eventually(() => heard.length === 5 * (round + 1))
      t.strictSame(heard.slice(-5), [first + 1, first + 2, `between-${round}`, first + 3, first + 4])
    }
    await eventually(() => other.heard.length === 80)
    t.strictSame(other.heard, upTo(80), 'nobody else hears what was emitted to one')
  })

  test(`who joins in the middle of a turn gets what comes after, and who leaves what came before, over ${transport}`, async t => {
    const world = await startWorld(t)
    const whole = await listen(t, world.url, [transport])
    const part = await listen(t, world.url, [transport])
    await eventually(() => world.sockets.length === 2)
    const [, member] = [...world.relay.members()] as [Member, Member]
    world.relay.leave(member)
    world.publish(3)
    world.relay.join(member)
    world.publish(3)
    world.relay.leave(member)
    world.publish(3)
    await eventually(() => whole.heard.length === 9 && part.heard.length === 3)
    t.strictSame(whole.heard, upTo(9))
    t.strictSame(part.heard, [4, 5, 6])
  })

  test(`a connection that is ended in the middle of a turn got what came before, and nothing after, over ${transport}`, async t => {
    const world = await startWorld(t)
    const { client, heard } = await listen(t, world.url, [transport])
    const neighbour = await listen(t, world.url, [transport])
    await eventually(() => world.sockets.length === 2)
    const [socket] = world.sockets as [Socket]
    const ended = new Promise(resolve => client.once('disconnect', resolve))
    world.publish(3)
    world.connections.end(socket.conn, 'server/draining')
    world.publish(3)
    t.equal(await ended, 'transport close')
    await eventually(() => neighbour.heard.length === 6)
    t.strictSame(heard, [1, 2, 3])
    t.strictSame(neighbour.heard, upTo(6))
  })
}

test('no frame follows a Close frame, whoever sends it first', async t => {
  const world = await startWorld(t)
  for (const isOurs of [true, false]) {
    const raw = await openWebSocket(t, world.url)
    raw.send('40')
    await raw.frame('40')
    const errors: string[] = []
    raw.socket.on('error', (error: Error) => errors.push(error.message))
    if (isOurs) world.connections.end((world.sockets.at(-1) as Socket).conn, 'server/draining')
    else raw.socket.close()
    // Updates go on in every turn until the other side has closed.
    while (!raw.isClosed()) {
      world.publish(1)
      await new Promise(resolve => setImmediate(resolve))
    }
    t.strictSame(errors, [])
  }
})

test('clients that upgrade while updates come in every turn get each once, in order', async t => {
  const world = await startWorld(t)
  let isOver = false
  const publishing = (async () => {
    while (!isOver) {
      world.publish(1 + Math.floor(Math.random() * 3))
      if (Math.random() < 0.2) world.publishEphemeral()
      await new Promise(resolve => setImmediate(resolve))
    }
  })()
  const clients = await Promise.all(upTo(15).map(async () => {
    const { client, heard } = await listen(t, world.url, ['polling', 'websocket'])
    await eventually(() => client.io.engine.transport.name === 'websocket', 10_000)
    const upgradedAt = heard.length
    await eventually(() => heard.length > upgradedAt + 50)
    return heard
  }))
  isOver = true
  await publishing
  for (const heard of clients) {
    const offsets = heard.filter(one => typeof one === 'number')
    const first = offsets[0] as number
    t.strictSame(offsets, upTo(offsets.length).map(n => first + n - 1))
  }
})

test('a member that does not read is left to its own position, and its neighbours of either transport get all', async t => {
  const world = await startWorld(t)
  const slow = await listenAndPause(t, world)
  const readers = [await listen(t, world.url, ['websocket']), await listen(t, world.url, ['polling'])]
  await eventually(() => world.sockets.length === 3)
  await publishMuch(world, readers, 300)
  for (const { heard } of readers) t.strictSame(heard, upTo(300))
  const buffer = world.connections.bufferOf(slow.conn)
  t.ok(buffer.isFull())
  t.ok(buffer.waiting() <= 1_048_576, `${buffer.waiting()} bytes wait`)
  t.strictSame(await counted(world.metrics.limits), [], 'nor is it cut off for what was kept from it')
})

for (const transport of ['websocket', 'polling']) {
  test(`a connection that takes nothing more is cut off the moment it passes its limit, over ${transport}`, async t => {
    const world = await startWorld(t, { MAX_BUFFERED_BYTES: '262144' })
    if (transport === 'polling') await listen(t, world.url, [transport])
    const stuck = transport === 'polling' ? world.sockets[0] as Socket : await listenAndPause(t, world)
    const buffer = world.connections.bufferOf(stuck.conn)
    const ended = once(stuck, 'disconnect')
    let most = 0
    // All in one turn: no timer can come in between.
    for (let i = 0; i < 400 && most <= 262_144; i++) {
      stuck.emit('much', 'x'.repeat(60_000))
      most = Math.max(most, buffer.waiting())
    }
    for (const n of upTo(20)) stuck.emit(`after-${n}`)
    t.ok(stuck.connected, 'whoever hands over a packet still finds the session')
    await ended
    t.ok(most > 262_144 && most < 262_144 + 70_000, `${most} bytes waited`)
    t.match(await counted(world.metrics.limits), [{ labels: { limit: 'slow-client' }, value: 1 }])
  })
}

test('one packet that is larger than the limit reaches a client that reads', async t => {
  const world = await startWorld(t, { MAX_BUFFERED_BYTES: '65536', MAX_PAYLOAD_BYTES: '32768' })
  const { heard } = await listen(t, world.url, ['websocket'])
  await eventually(() => world.sockets.length === 1)
  world.sockets[0]?.emit('large', 'x'.repeat(20_000_000))
  await eventually(() => heard.length === 1, 10_000)
  t.strictSame(heard, ['large'])
})

test('over TLS updates, what is emitted between them and a client that does not read are served the same way', async t => {
  const world = await startWorld(t, { MAX_BUFFERED_BYTES: '262144', STALL_TIMEOUT_MS: '1000' }, true)
  const options = { rejectUnauthorized: false }
  const reader = await listen(t, world.url, ['websocket'], options)
  await eventually(() => world.sockets.length === 1)
  world.publish(2)
  world.sockets[0]?.emit('between')
  world.publish(2)
  await eventually(() => reader.heard.length === 5)
  t.strictSame(reader.heard, [1, 2, 'between', 3, 4])
  const stuck = await listenAndPause(t, world, options)
  const ended = once(stuck, 'disconnect')
  await publishMuch(world, [reader], 240)
  await ended
  t.match(await counted(world.metrics.limits), [{ labels: { limit: 'slow-client' }, value: 1 }])
  t.equal(world.sockets[0]?.connected, true)
})

test('a batch is one write to a WebSocket, however many updates are in it', async t => {
  const world = await startWorld(t)
  const { heard } = await listen(t, world.url, ['websocket'])
  await eventually(() => world.sockets.length === 1)
  const { transport } = (world.sockets[0] as Socket).conn as unknown as { transport: { socket: { _socket: NodeJS.WritableStream } } }
  const tcp = transport.socket._socket
  const written: unknown[] = []
  const { write } = tcp
  Object.assign(tcp, {
    write: (...args: Parameters<typeof write>) => {
      written.push(args[0])
      return write.apply(tcp, args)
    }
  })
  world.publish(50)
  await eventually(() => heard.length === 50)
  t.strictSame(heard, upTo(50))
  t.equal(written.length, 1)
})
