// Who comes and goes, as the backend hears it: at every quiet moment it believes what is, whatever broke, and no event is too
// many. `TEST_TIMEOUT_SECONDS=600 MEMBERS_USERS=200 MEMBERS_SECONDS=60` is the long form; `MEMBERS_SEED` repeats one.
import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'tap'
import {
  createBelief, createRandom, eventually, membersWebhook, openTab, startClock, startInstance, startProxy, startReceiver, startRedis, whatIs, type Instance, type Received, type Tab
} from '../helpers/index.ts'

const USERS = Number(process.env['MEMBERS_USERS'] ?? 24)
const SECONDS = Number(process.env['MEMBERS_SECONDS'] ?? 2)
const SEED = Number(process.env['MEMBERS_SEED'] ?? randomInt(2 ** 31))
const ROOMS = ['board-1', 'board-2', 'board-3']
/** Many clients take longer to come back. */
const [LEASE_MS, LINGER_MS] = USERS > 50 ? [6000, 5000] : [2000, 1500]

test(`comings and goings of ${USERS} users with three tabs each, an instance killed, Redis restarted, a rolling restart: the backend believes what is`, async t => {
  t.comment(`seed ${SEED}`)
  const random = createRandom(SEED)
  const redis = await startRedis(t)
  const belief = createBelief()
  // Now and then it takes what it says it did not: that comes again.
  const answer = (request: Received): number => {
    belief.take(request)
    return random.below(5) === 0 ? 503 : 200
  }
  const receiver = await startReceiver(t, answer)
  const start = async (): Promise<Instance> => {
    const instance = await startInstance(t, { REDIS_URL: redis.url, ...membersWebhook(receiver, LEASE_MS, LINGER_MS), DRAIN_DELAY_SECONDS: '0', DRAIN_SECONDS: '1', CLOSE_TIMEOUT_MS: '3000' })
    await instance.ready()
    return instance
  }
  const instances = await Promise.all([start(), start(), start()])
  const doors = await Promise.all(instances.map(({ port }) => startProxy(t, port)))
  const tabs: Tab[] = []
  for (let user = 0; user < USERS; user++) {
    tabs.push(...await Promise.all(doors.map(door => openTab(t, door.url('http'), `user-${user}`))))
  }

  /** New connections to this address go to the neighbouring instance. */
  async function end (i: number, signal: NodeJS.Signals): Promise<void> {
    doors[i]?.retarget((instances[(i + 1) % 3] as Instance).port)
    await instances[i]?.kill(signal)
    instances[i] = await start()
    doors[i]?.retarget((instances[i] as Instance).port)
  }

  async function quiet (when: string): Promise<void> {
    const expected = whatIs(tabs)
    await eventually(() => belief.now().join() === expected.join(), 15_000).finally(() => t.strictSame(belief.now(), expected, `after ${when}`))
    t.strictSame(belief.superfluous, [], `after ${when}`)
  }

  /** What breaks changes nothing that a backend would have to know. */
  async function through (what: string, act: () => Promise<unknown>): Promise<void> {
    const before = belief.events().length
    await act()
    // What an instance might say too late, or too early, it says within this.
    await pause(LEASE_MS + LINGER_MS)
    await eventually(() => tabs.every(({ socket }) => socket.connected), 20_000)
    await quiet(what)
    t.strictSame(belief.events().slice(before), [], `no event because of ${what}`)
  }

  async function comeAndGo (seconds: number): Promise<void> {
    const until = performance.now() + seconds * 1000
    while (performance.now() < until) {
      await Promise.all(Array.from({ length: 8 }, async () => {
        const tab = tabs[random.below(tabs.length)] as Tab
        const appId = ROOMS[random.below(ROOMS.length)] as string
        if (random.below(20) === 0) tab.breakOff()
        else if (tab.rooms.has(appId)) await tab.leave(appId)
        else await tab.enter(appId)
      }))
    }
  }

  await comeAndGo(SECONDS)
  await quiet('comings and goings')
  t.ok(belief.events().length > USERS, `${belief.events().length} events`)

  await through('an instance that was killed', () => end(1, 'SIGKILL'))
  await comeAndGo(SECONDS / 2)
  await quiet('more of them')
  await through('a Redis that came back empty', () => redis.restart())
  await comeAndGo(SECONDS / 2)
  await quiet('more of them')
  await through('a rolling restart', async () => {
    for (const i of instances.keys()) await end(i, 'SIGTERM')
  })

  // Some vanish with their instance, and do not come back.
  const gone = tabs.filter(({ userId }) => userId === 'user-0')
  await gone[0]?.enter('board-1')
  await quiet('the last to come')
  for (const tab of gone) {
    tab.socket.io.reconnection(false)
    tab.rooms.clear()
    tab.breakOff()
  }
  const clock = startClock(t)
  await quiet('some who vanished')
  t.ok(clock.now() < LEASE_MS + LINGER_MS + 1000, `${Math.round(clock.now())} ms`)
})
