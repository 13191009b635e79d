// Presence asked for by those who do not read, and told to very many at once: bounded for each, and nobody beside notices.
import { once } from 'node:events'
import { test, type Test } from 'tap'
import { WebSocket } from 'ws'
import { connect, eventually, follow, publish, startInstance, token, type Instance } from '../helpers/index.ts'
import { metric } from '../helpers/metric.ts'
import { rawSession } from '../helpers/raw.ts'

const room = { workspaceId: 'acme', appId: 'crowd' }
const SUBSCRIBE = `42["application",${JSON.stringify({ event: 'SUBSCRIBE', payload: room })}]`

/** Sockets of as many users, in the room; counts the bytes of presence events that each gets. */
async function crowd (t: Test, instance: Instance, size: number): Promise<{ join: () => void, bytes: number[], events: number[], isIn: () => boolean }> {
  const bytes: number[] = Array.from({ length: size }, () => 0)
  const events: number[] = Array.from({ length: size }, () => 0)
  let joined = 0
  const sockets = await Promise.all(Array.from({ length: size }, async (_, i) => {
    const socket = new WebSocket(`${instance.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`)
    t.teardown(() => { socket.terminate() })
    const connected = new Promise<void>(resolve => {
      socket.on('message', data => {
        const text = String(data)
        if (text.startsWith('0')) socket.send(`40${JSON.stringify({ token: token({ sub: `user-${i}` }) })}`)
        else if (text.startsWith('40')) resolve()
        else if (text === '2') socket.send('3')
        else if (text.startsWith('42["presence"')) {
          bytes[i] = (bytes[i] ?? 0) + text.length
          events[i] = (events[i] ?? 0) + 1
        } else if (text.includes('application_response')) joined++
      })
    })
    await once(socket, 'open')
    await connected
    return socket
  }))
  return { join: () => { for (const socket of sockets) socket.send(SUBSCRIBE) }, bytes, events, isIn: () => joined === size }
}

test('presence requests of clients that do not read hold no memory, and the room and its neighbours go on', async t => {
  const instance = await startInstance(t, { CONNECTION_BURST: '3000', STALL_TIMEOUT_MS: '60000' })
  await instance.ready()
  const people = await crowd(t, instance, 800)
  people.join()
  await eventually(people.isIn, 30_000)
  const beside = await follow(await connect(t, instance.url, { token: token({ sub: 'beside' }) }), 'acme', 'beside')
  const before = await metric(instance.url, 'process_resident_memory_bytes')

  const greedy = await Promise.all([1, 2, 3].map(async n => await rawSession(t, instance.url, token({ sub: `greedy-${n}` }))))
  for (const raw of greedy) {
    raw.socket.pause()
    for (let i = 0; i < 990; i++) raw.send(`42${i}["presence",${JSON.stringify(room)}]`)
  }
  for (let n = 1; n <= 5; n++) {
    await publish(instance.url, { workspaceId: 'acme', appId: 'beside', event: 'N', payload: n })
    await eventually(() => beside.updates.length === n)
  }
  const grownBy = await metric(instance.url, 'process_resident_memory_bytes') - before
  t.ok(grownBy < 100e6, `grew by ${Math.round(grownBy / 1e6)} MB`)
  t.ok(await metric(instance.url, 'roomcast_send_buffer_bytes') <= 3 * 1_048_576)

  // Who reads again gets all its answers, each with the newest state.
  const [first] = greedy
  first?.socket.resume()
  await eventually(() => first?.frames.filter(frame => frame.startsWith('43')).length === 990, 30_000)
  t.match(first?.frames.at(-1), '"count":80')
  t.notOk(first?.frames.some(frame => frame.includes('"N"')), 'nothing of the room beside')
})

test('900 people who join at once cost each member little more than one message about each, and the instance stays ready', async t => {
  const instance = await startInstance(t, { CONNECTION_BURST: '3000' })
  await instance.ready()
  const people = await crowd(t, instance, 900)
  const before = await metric(instance.url, 'process_resident_memory_bytes')
  const startedAt = Date.now()
  people.join()
  await eventually(people.isIn, 30_000)
  await eventually(() => people.events.every(count => count > 0), 30_000)
  const batches = Math.ceil((Date.now() - startedAt) / 100) + 1
  t.ok(people.events.every(count => count <= batches), `at most ${Math.max(...people.events)} events in ${batches} batches`)
  t.ok(people.bytes.every(count => count < 900 * 400), `at most ${Math.max(...people.bytes)} bytes for a member`)
  const grownBy = await metric(instance.url, 'process_resident_memory_bytes') - before
  t.ok(grownBy < 200e6, `grew by ${Math.round(grownBy / 1e6)} MB`)
  t.equal(await metric(instance.url, 'roomcast_ready'), 1)
})
