// Puts load on a deployment of your own and says what came through: node load.js URL --clients 500 --rate 200 …
// JWT_SECRET signs a token for each client. See docs/load-testing.md.
import { randomBytes } from 'node:crypto'
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createClient } from '@roomcast/client'
import { createPublisher } from '@roomcast/client/publisher'
import { createSigner } from 'fast-jwt'

const { positionals: [url], values } = parseArgs({
  allowPositionals: true,
  options: {
    'publish-url': { type: 'string' }, // where services publish, if it is another address
    clients: { type: 'string', default: '100' },
    rooms: { type: 'string', default: '10' },
    rate: { type: 'string', default: '100' }, // updates a second, over all rooms
    seconds: { type: 'string', default: '30' },
    ramp: { type: 'string', default: '40' }, // new connections a second: nginx.conf lets 50 through from one address
    bytes: { type: 'string', default: '200' } // of a payload
  }
})
const [clients, rooms, rate, seconds, ramp, bytes] = ['clients', 'rooms', 'rate', 'seconds', 'ramp', 'bytes'].map(name => Number(values[name]))
const sign = createSigner({ key: process.env.JWT_SECRET, expiresIn: (seconds + clients / ramp + 600) * 1000 })
/** Rooms of this run alone. */
const workspaceId = `load-${randomBytes(4).toString('hex')}`
const tokenOf = (sub, ...actions) => sign({ sub, capabilities: { [`${workspaceId}/*`]: actions } })

const counts = { delivered: 0, missing: 0, resets: 0, reconnects: 0, accepted: 0, refused: 0 }
/** In microseconds, from just before the publish, by the clock of this process. */
const [delivery, receipt] = [createHistogram(), createHistogram()]
const micros = since => Math.max(1, Math.round((performance.now() - since) * 1000))

const startedAt = performance.now()
const followers = []
while (followers.length < clients) {
  followers.push(follow(followers.length))
  await wait(1000 / ramp)
}
await Promise.all(followers.map(({ joined }) => joined))
console.log(`${clients} clients in ${rooms} rooms after ${((performance.now() - startedAt) / 1000).toFixed(1)} s; ${rate} updates a second for ${seconds} s`)

const lateness = monitorEventLoopDelay({ resolution: 10 })
lateness.enable()
const last = await publishAll()
await settle(last)
lateness.disable()
report()
for (const { client } of followers) client.close()
process.exitCode = counts.missing + counts.resets + counts.refused > 0 ? 1 : 0

function follow (n) {
  const client = createClient(url, { token: () => tokenOf(`load-${n}`, 'subscribe') })
  const room = client.room(workspaceId, `room-${n % rooms}`)
  let next
  client.on('error', ({ code, message }) => console.error(`${code}: ${message}`))
  const joined = new Promise(resolve => {
    room.on('joined', ({ offset, recovered }) => {
      if (next !== undefined) counts.reconnects++
      if (!recovered) next = offset + 1
      resolve()
    })
  })
  room.on('reset', () => { counts.resets++ })
  room.on('update', ({ offset, payload }) => {
    counts.missing += offset - next
    next = offset + 1
    counts.delivered++
    delivery.record(micros(payload.sentAt))
  })
  return { client, room, joined }
}

/** Answers the last offset of each room: its receipts come in order. */
async function publishAll () {
  const publisher = createPublisher(values['publish-url'] ?? url, { token: tokenOf('load-publisher', 'publish') })
  const filler = 'x'.repeat(bytes)
  const last = new Map()
  const begin = performance.now()
  const under = []
  for (let n = 0; n < rate * seconds; n++) {
    const due = begin + n * 1000 / rate
    if (due > performance.now() + 5) await wait(due - performance.now())
    const appId = `room-${n % rooms}`
    const sentAt = performance.now()
    under.push(publisher.publish(`${workspaceId}/${appId}`, 'LOAD', { sentAt, filler }).then(({ offset }) => {
      counts.accepted++
      receipt.record(micros(sentAt))
      last.set(appId, offset)
    }, ({ message }) => {
      counts.refused++
      console.error(message)
    }))
  }
  await Promise.all(under)
  await publisher.close()
  return last
}

/** Until everybody has the last update of the room, for ten seconds; who does not get it misses it. */
async function settle (last) {
  const behind = () => followers.map(({ room }) => Math.max(0, (last.get(room.appId) ?? 0) - (room.position?.offset ?? 0)))
  for (let i = 0; i < 100 && behind().some(count => count > 0); i++) await wait(100)
  counts.missing += behind().reduce((sum, count) => sum + count, 0)
}

function report () {
  const times = of => `p50 ${ms(of.percentile(50))}, p99 ${ms(of.percentile(99))}, most ${ms(of.max)}`
  const ms = value => `${(value / 1000).toFixed(1)} ms`
  const late = lateness.percentile(99) / 1e6 - 10
  console.log(`published  ${counts.accepted}, refused ${counts.refused}; receipt ${times(receipt)}`)
  console.log(`delivered  ${counts.delivered}, missing ${counts.missing}, resets ${counts.resets}, reconnects ${counts.reconnects}; ${times(delivery)}`)
  console.log(`this side  late by ${late.toFixed(1)} ms (p99)${late > 20 ? ': it is the bottleneck, run several with fewer clients each' : ''}`)
}
