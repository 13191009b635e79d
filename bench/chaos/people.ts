// Users who come, go and say what they do while the faults happen. At every quiet moment, what each of them sees equals what
// is, and so does what a backend believes that the webhook tells; the webhook tells no more than happened.
import { setTimeout as pause } from 'node:timers/promises'
import { createBelief, membersWebhook, openTab, whatIs } from '../../test/helpers/crowd.ts'
import { createClock } from '../../test/helpers/clock.ts'
import { startInstance } from '../../test/helpers/instance.ts'
import type { Random } from '../../test/helpers/random.ts'
import { startReceiver } from '../../test/helpers/receiver.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import type { Service } from './service.ts'
import { createSight, whatToSee, WORKSPACE, type Sight } from './sight.ts'
import type { World } from './world.ts'

const USERS = 5
const ROOMS = ['board-1', 'board-2']
const LEASE_MS = 6000
/** Longer than any fault keeps clients away, so that none of them seems to leave. */
const LINGER_MS = 9000
/** After this, the people of a killed instance are gone, and what Redis lost is there again. */
const QUIET_MS = 2 * (LEASE_MS + LINGER_MS)
const MOVE_PAUSE_MS = 50
const ACTS_AT_ONCE = 3

/** Creates a world in which people come and go while the writers write, and are checked when those rest. */
export function inhabited<W extends World> (
  random: Random, service: Service, create: (scope: Scope, service: Service) => Promise<W>
): (scope: Scope) => Promise<W> {
  return async scope => {
    const people = await createPeople(scope, random)
    return await people.settle(await create(scope, people.serve(service)))
  }
}

interface People {
  /** The service with a webhook. */
  serve (service: Service): Service
  settle<W extends World> (world: W): Promise<W>
}

async function createPeople (scope: Scope, random: Random): Promise<People> {
  const belief = createBelief()
  const texts = new Map<string, string>()
  const broken: string[] = []
  const receiver = await startReceiver(scope, request => {
    for (const event of request.events) checkId(event.id, JSON.stringify(event))
    // The followers of the updates are in a workspace of their own.
    belief.take({ ...request, events: request.events.filter(({ workspaceId }) => workspaceId === WORKSPACE) })
    // Now and then it takes what it says it did not: that comes again.
    return random.below(5) === 0 ? 503 : 200
  })
  const movers: Sight[] = []
  /** They are in every room all the time, so that no event may tell of these rooms and users again. */
  const stayers: Sight[] = []
  /** By room and user: how many events there may be at most. */
  const allowed = new Map<string, number>()
  let moves = 0

  function checkId (id: string, text: string): void {
    if (texts.has(id) && texts.get(id) !== text) broken.push(`two events with one id: ${texts.get(id)} and ${text}`)
    texts.set(id, text)
  }

  async function move ({ tab, enter, leave }: Sight, appId: string): Promise<void> {
    const isEntering = !tab.rooms.has(appId)
    await (isEntering ? enter(appId) : leave(appId))
    // A room that was left without an answer may come back once, and is left again.
    const count = isEntering || !tab.isLeaving(appId) ? 1 : 3
    if (stayers.some(stayer => stayer.tab.userId === tab.userId)) return
    const subject = `${appId} ${tab.userId}`
    allowed.set(subject, (allowed.get(subject) ?? 0) + count)
  }

  async function act (): Promise<void> {
    const sight = movers[random.below(movers.length)] as Sight
    const appId = ROOMS[random.below(ROOMS.length)] as string
    moves++
    if (random.below(30) === 0) sight.tab.breakOff()
    else if (sight.tab.rooms.has(appId) && random.below(2) === 0) await sight.say(appId, random.below(4) === 0 ? null : { page: random.below(100) })
    else await move(sight, appId)
  }

  function differences (): string[] {
    const sights = [...movers, ...stayers]
    const tabs = sights.map(({ tab }) => tab)
    const away = tabs.filter(({ socket }) => !socket.connected).map(({ userId }) => `a tab of ${userId} is not connected`)
    const backend = compare('the backend', belief.now(), whatIs(tabs))
    return [...away, ...backend, ...sights.flatMap(sight => compare(`a tab of ${sight.tab.userId}`, sight.now(), whatToSee(sights, sight)))]
  }

  function tooMany (): string[] {
    const told = new Map<string, number>()
    for (const event of belief.events()) {
      const subject = 'userId' in event ? `${event.appId} ${event.userId}` : event.appId
      told.set(subject, (told.get(subject) ?? 0) + 1)
    }
    return [...told].filter(([subject, count]) => count > (allowed.get(subject) ?? 0)).map(([subject, count]) => `${count} events of ${subject}, but at most ${allowed.get(subject) ?? 0} changes`)
  }

  /** They come and go from now on. @returns a function that ends it */
  function stir (): () => Promise<void> {
    let isOver = false
    const stirring = Promise.all(Array.from({ length: ACTS_AT_ONCE }, async () => {
      while (!isOver) {
        await act()
        await pause(MOVE_PAUSE_MS)
      }
    }))
    return async () => {
      isOver = true
      await stirring
    }
  }

  /** Waits for a quiet moment. @returns what is not as it should be */
  async function check (): Promise<string[]> {
    const clock = createClock()
    while (differences().length > 0 && clock.now() < QUIET_MS) await pause(50)
    clock.stop()
    const superfluous = belief.superfluous.splice(0).map(event => `says nothing new: ${JSON.stringify(event)}`)
    return [...differences(), ...superfluous, ...tooMany(), ...broken.splice(0)]
  }

  return {
    serve: service => ({
      ...service,
      launch: (instances, place) => startInstance(instances, { [place.includes('://') ? 'REDIS_URL' : 'REDIS_CLUSTER']: place, ...membersWebhook(receiver, LEASE_MS, LINGER_MS), HEARTBEAT_MS: '1000' })
    }),

    async settle (world) {
      for (let user = 0; user < USERS; user++) {
        for (const { edge } of world.nodes) movers.push(createSight(await openTab(scope, edge.url('http'), `user-${user}`)))
      }
      for (const [i, { edge }] of world.nodes.entries()) stayers.push(createSight(await openTab(scope, edge.url('http'), `user-${i}`)))
      for (const appId of ROOMS) {
        allowed.set(appId, 1)
        for (const { tab, enter } of stayers) {
          allowed.set(`${appId} ${tab.userId}`, 1)
          await enter(appId)
        }
      }
      scope.teardown(() => console.log(`${moves} moves of ${movers.length} tabs, ${belief.events().length} events told to the backend`))
      let calm = async (): Promise<void> => {}
      return {
        ...world,
        write () {
          calm = stir()
          world.write()
        },
        async rest () {
          await world.rest()
          await calm()
          for (const what of await check()) world.tallies[0]?.onBroken(what)
        }
      }
    }
  }
}

function compare (who: string, believed: string[], expected: string[]): string[] {
  const is = new Set(expected)
  const seen = new Set(believed)
  return [
    ...believed.filter(line => !is.has(line)).map(line => `${who} believes ${line}`),
    ...expected.filter(line => !seen.has(line)).map(line => `${who} does not know ${line}`)
  ]
}
