// Counts the sessions of each user in each room: three tabs are one member.
import type { RoomKey } from '../wire/rooms.ts'
import { memberSubject, type Person } from './events.ts'
import type { Subject } from '../broker/hooks.ts'

export interface Members {
  /** A session of a user has joined a room, or has ended. */
  change (room: RoomKey, person: Person, isHere: boolean): void
}

export function createMembers ({ onFirst, onLast }: {
  onFirst: (subject: Subject, room: RoomKey, person: Person) => void
  onLast: (subject: Subject) => void
}): Members {
  const sessions = new Map<Subject, number>()
  return {
    change (room, person, isHere) {
      const subject = memberSubject(room, person)
      const count = (sessions.get(subject) ?? 0) + (isHere ? 1 : -1)
      if (count > 0) sessions.set(subject, count)
      else sessions.delete(subject)
      if (isHere && count === 1) onFirst(subject, room, person)
      if (count === 0) onLast(subject)
    }
  }
}
