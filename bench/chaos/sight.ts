// What one stock client believes of who is in its rooms and what they do: the list that it asks for, and every change after it.
import type { Collaborator, PresenceChange, PresenceList, Result } from '../../services/wire/protocol.ts'
import type { Tab } from '../../test/helpers/crowd.ts'

export const WORKSPACE = 'acme'
const RETRY_MS = 200
const ANSWER_MS = 10_000

export interface Sight {
  tab: Tab
  /** Its state in a room; it says it again after every SUBSCRIBE. */
  readonly states: Map<string, unknown>
  say (appId: string, state: unknown): Promise<void>
  enter (appId: string): Promise<void>
  leave (appId: string): Promise<void>
  /** `ROOM USER STATE…` for each user that it sees. */
  now (): string[]
}

export function createSight (tab: Tab): Sight {
  const { socket, rooms } = tab
  const states = new Map<string, unknown>()
  const seen = new Map<string, Map<string, Collaborator>>()

  /** Says its state, which also answers the list. Repeated until it is answered or no longer true. */
  async function say (appId: string, state: unknown): Promise<void> {
    states.set(appId, state)
    if (!socket.connected) return
    const answer = await ask(appId, state)
    if (answer?.status === 'SUCCESS') {
      seen.set(appId, new Map(answer.data.collaborators.map(person => [person.userId, person])))
    } else if (rooms.has(appId) && states.get(appId) === state) {
      setTimeout(() => { if (states.get(appId) === state) void say(appId, state) }, RETRY_MS)
    }
  }

  async function ask (appId: string, state: unknown): Promise<Result<PresenceList> | undefined> {
    try {
      return await socket.timeout(ANSWER_MS).emitWithAck('presence', { workspaceId: WORKSPACE, appId, state }) as Result<PresenceList>
    } catch {
      // The connection ended: it is said again after the next SUBSCRIBE.
    }
  }

  socket.on('presence', ({ appId, joined, left, changed }: PresenceChange) => {
    const people = seen.get(appId)
    if (people === undefined) return
    for (const { userId } of left) people.delete(userId)
    for (const person of [...joined, ...changed]) people.set(person.userId, person)
  })
  tab.onJoined = appId => { void say(appId, states.get(appId) ?? null) }

  return {
    tab,
    states,
    say,
    enter: tab.enter,
    async leave (appId) {
      states.delete(appId)
      await tab.leave(appId)
      if (!rooms.has(appId)) seen.delete(appId)
    },
    now: () => [...rooms].flatMap(room => [...seen.get(room)?.values() ?? []].map(({ userId, sessions }) => line(room, userId, sessions.map(({ state }) => state)))).sort()
  }
}

/** What a tab must see: everyone in its rooms, with the states of all their tabs. */
export function whatToSee (sights: Sight[], of: Sight): string[] {
  return [...of.tab.rooms].flatMap(room => {
    const there = sights.filter(({ tab }) => tab.rooms.has(room))
    return [...new Set(there.map(({ tab }) => tab.userId))].map(userId => (
      line(room, userId, there.filter(({ tab }) => tab.userId === userId).map(({ states }) => states.get(room) ?? null))
    ))
  }).sort()
}

function line (room: string, userId: string, states: unknown[]): string {
  return `${room} ${userId} ${states.map(state => JSON.stringify(state)).sort().join(' ')}`
}
