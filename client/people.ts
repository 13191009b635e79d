// Who is in a room: the list that was asked for, then the changes; told only when something is different.
import type { Collaborator, PresenceList } from '../services/wire/protocol.ts'
import type { RoomEvents } from './types.ts'

export function createPeople (tell: (change: RoomEvents['presence']) => void) {
  let here = new Map<string, Collaborator>()
  let count = 0
  const list = (): PresenceList => ({ collaborators: [...here.values()], count })

  function update (next: Map<string, Collaborator>, nextCount: number): void {
    const joined = [...next.values()].filter(({ userId }) => !here.has(userId))
    const left = [...here.values()].filter(({ userId }) => !next.has(userId))
    const isSame = joined.length + left.length === 0 && count === nextCount
    here = next
    count = nextCount
    if (!isSame) tell({ ...list(), joined, left })
  }

  return {
    list,
    replace ({ collaborators, count }: PresenceList) {
      update(new Map(collaborators.map(person => [person.userId, person])), count)
    },
    change ({ joined, left, count }: { joined: Collaborator[], left: Collaborator[], count: number }) {
      const next = new Map(here)
      for (const { userId } of left) next.delete(userId)
      for (const person of joined) next.set(person.userId, person)
      update(next, count)
    }
  }
}
