// The seam between what a stock client had and what it gets: its connection is cut at random moments, while others publish.
// `STOCK_KINDS=polling STOCK_TRIALS=2000 npm run test:one -- test/stock-recovery-seam.test.ts` makes that many of each kind with
// this word in its name, or of all for an empty one; `SEED=n` makes the same ones again.
import { randomInt } from 'node:crypto'
import { test, type Test } from 'tap'
import { buildReady, connect, createRandom, cut, eventually, followStock, HOST, startRedis, token, upTo, type Random, type StockFollower } from './helpers/index.ts'

const TRIALS = Number(process.env['STOCK_TRIALS'] ?? 50)
const SEED = Number(process.env['SEED'] ?? randomInt(2 ** 31))
const CLIENTS = 8
/** Small, so that every border is met often: what is at hand, what is read, what is paced. */
const SMALL = {
  // A stock client whose connection breaks right while it upgrades stands still until then.
  PING_INTERVAL_MS: '2000',
  PING_TIMEOUT_MS: '1500',
  FEED_TAIL_BYTES: '3000',
  HISTORY_READ_BYTES: '2000',
  MAX_PAYLOAD_BYTES: '1000',
  MAX_BUFFERED_BYTES: '6000',
  MAX_PACKET_BYTES: '3000'
}
const RECONNECTION = { reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 20 }

async function turns (random: Random, most: number): Promise<void> {
  for (let left = random.below(most + 1); left > 0; left--) await new Promise(resolve => setImmediate(resolve))
}

interface Kind {
  name: string
  rooms: number
  transports: string[]
  withSince?: boolean
  isRedis?: boolean
}

async function runTrials (t: Test, { rooms, transports, withSince = false, isRedis = false }: Kind, trials: number, seed: number): Promise<void> {
  const random = createRandom(seed)
  const isPolling = transports[0] === 'polling'
  // Every other room is too big to be served in one turn.
  const membersPerTurn = String(1 + random.below(2 * CLIENTS))
  // A long-polling client is handed a sixteenth of its limit at a time.
  const server = await buildReady(t, { ...SMALL, MEMBERS_PER_TURN: membersPerTurn, ...isPolling && { MAX_BUFFERED_BYTES: '40000' }, ...isRedis && { REDIS_URL: (await startRedis(t)).url } })
  const url = await server.listen({ host: HOST, port: 0 })
  const keys = upTo(rooms).map(n => `seam/board-${n}`)
  const last = new Map(keys.map(key => [key, 0]))
  const publish = async (): Promise<void> => {
    const [workspaceId, appId] = (keys[random.below(keys.length)] as string).split('/') as [string, string]
    const update = { workspaceId, appId, event: 'N', payload: 'x'.repeat(random.below(400)), userId: 'svc', ephemeral: random.below(8) === 0 }
    const { offset } = await server.roomcast.publisher.publish(update)
    if (offset !== null) last.set(`${workspaceId}/${appId}`, Math.max(offset, last.get(`${workspaceId}/${appId}`) ?? 0))
  }
  const outsider = await connect(t, url, { token: token({ sub: 'eve' }), transports: ['websocket'] })
  const other = await followStock(outsider, ['seam/elsewhere'])
  const followers: StockFollower[] = []
  for (const n of upTo(CLIENTS)) {
    const socket = await connect(t, url, { token: token({ sub: `user-${n}` }), transports, ...RECONNECTION })
    followers.push(await followStock(socket, keys, withSince))
  }
  let cuts = 0
  while (cuts < trials) {
    const publishing = Promise.all(upTo(4 + random.below(20)).map(async () => {
      await turns(random, 12)
      await publish()
    }))
    const cutting = Promise.all(followers.map(async follower => {
      await turns(random, 15)
      if (!follower.socket.connected || random.below(2) === 0) return
      if (rooms > 1 && random.below(6) === 0) {
        const key = keys[random.below(keys.length)] as string
        follower.unsubscribe(key)
        await turns(random, 3)
        follower.subscribe(key)
        await turns(random, 3)
      }
      cut(follower.socket)
      cuts++
    }))
    await Promise.all([publishing, cutting])
    await turns(random, 200)
    if (followers.some(({ faults }) => faults.length > 0)) break
  }
  await eventually(() => followers.every(({ socket }) => socket.connected))
  // Who is sent this one has been sent all before it.
  for (let i = 0; i < 3; i++) await publish()
  for (const follower of followers) {
    t.strictSame(follower.faults, [], `seed ${seed}`)
    for (const key of keys) await follower.until(key, last.get(key) as number)
    t.strictSame(follower.faults, [], `seed ${seed}`)
    t.strictSame(follower.told, [])
  }
  const recovered = followers.reduce((sum, follower) => sum + follower.recovered, 0)
  const fresh = followers.reduce((sum, follower) => sum + follower.fresh, 0)
  t.ok(recovered > cuts / 2, `seed ${seed}: ${cuts} cuts, ${recovered} recovered, ${fresh} fresh starts`)
  t.comment(`seed ${seed}: ${cuts} cuts, ${recovered} recovered, ${fresh} fresh starts`)
  t.strictSame(other.updates, [], 'who is in another room heard nothing')
}

const TRANSPORTS = { WebSocket: ['websocket'], polling: ['polling'], 'an upgrade in the middle': ['polling', 'websocket'] }

const kinds: Kind[] = [1, 5].flatMap(rooms => Object.entries(TRANSPORTS).flatMap(([how, transports]) => [false, true].flatMap(withSince => [false, true].map(isRedis => ({
  name: [rooms === 1 ? 'one room' : 'five rooms', how, ...withSince ? ['with since'] : [], ...isRedis ? ['Redis'] : []].join(', '), rooms, transports, withSince, isRedis
})))))

/** Of all combinations, the quick form has these. Every pair of values of two properties is among them. */
const QUICK = [
  'one room, WebSocket', 'one room, WebSocket, with since, Redis', 'five rooms, WebSocket, with since', 'five rooms, WebSocket, Redis',
  'one room, polling, with since', 'five rooms, polling, Redis', 'five rooms, an upgrade in the middle', 'one room, an upgrade in the middle, with since, Redis'
]
const chosen = process.env['STOCK_KINDS'] === undefined
  ? kinds.filter(({ name }) => QUICK.includes(name))
  : kinds.filter(({ name }) => name.includes(process.env['STOCK_KINDS'] ?? ''))

for (const [i, kind] of chosen.entries()) {
  test(`a stock client that is cut off at random moments: ${kind.name}`, async t => {
    await runTrials(t, kind, TRIALS, SEED + i)
  })
}
