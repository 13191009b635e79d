// The people in one room over all instances. The cost of a change does not depend on the size of the room.
import type { PresenceEntry } from '../broker/broker.ts'
import { collaborator, type PresenceSessions } from './collaborators.ts'

export interface People {
  /** The number of collaborators. */
  readonly size: number
  /** Whether anyone changed since the last `takeDirty`. */
  readonly hasChanged: boolean
  /** All sessions by instance. Read-only. */
  instances (): Iterable<[instance: string, sessions: PresenceSessions]>
  sessionsOf (instance: string): ReadonlyMap<string, PresenceEntry>
  set (instance: string, entry: PresenceEntry): void
  delete (instance: string, socketId: string): void
  /** The collaborator as JSON, encoded once per change; undefined for an absent user. */
  textOf (userId: string): string | undefined
  userIds (): Iterable<string>
  /** A PresenceList as JSON, encoded once per change. @param max above this many, it has only the count */
  listText (max: number): string
  /** The users that changed since the last `takeDirty`. */
  dirtyUsers (): Iterable<string>
  /** The users that changed since the last call. */
  takeDirty (): Set<string>
}

const NOBODY: ReadonlyMap<string, PresenceEntry> = new Map()

export function createPeople (): People {
  const byInstance = new Map<string, PresenceSessions>()
  /** By user, then by instance and socket, in the order of joining. */
  const byUser = new Map<string, Map<string, PresenceEntry>>()
  const texts = new Map<string, string>()
  let dirty = new Set<string>()
  let list: string | undefined

  function touch (userId: string): void {
    texts.delete(userId)
    dirty.add(userId)
    list = undefined
  }

  function remove (instance: string, socketId: string): void {
    const sessions = byInstance.get(instance)
    const userId = sessions?.get(socketId)?.person.userId
    if (sessions === undefined || userId === undefined) return
    sessions.delete(socketId)
    if (sessions.size === 0) byInstance.delete(instance)
    const entries = byUser.get(userId)
    entries?.delete(`${instance}/${socketId}`)
    if (entries?.size === 0) byUser.delete(userId)
    touch(userId)
  }

  function textOf (userId: string): string | undefined {
    const entries = byUser.get(userId)
    if (entries === undefined) return undefined
    let text = texts.get(userId)
    if (text === undefined) {
      text = JSON.stringify(collaborator([...entries.values()]))
      texts.set(userId, text)
    }
    return text
  }

  return {
    get size () { return byUser.size },
    get hasChanged () { return dirty.size > 0 },
    instances: () => byInstance,
    sessionsOf: instance => byInstance.get(instance) ?? NOBODY,

    set (instance, entry) {
      const { socketId, person: { userId } } = entry
      const known = byInstance.get(instance)?.get(socketId)
      if (known !== undefined && known.person.userId !== userId) remove(instance, socketId)
      const sessions: PresenceSessions = byInstance.get(instance) ?? new Map()
      byInstance.set(instance, sessions.set(socketId, entry))
      const entries = byUser.get(userId) ?? new Map<string, PresenceEntry>()
      byUser.set(userId, entries.set(`${instance}/${socketId}`, entry))
      touch(userId)
    },

    delete: remove,
    textOf,
    userIds: () => byUser.keys(),

    listText (max) {
      list ??= `{"collaborators":[${byUser.size > max ? '' : [...byUser.keys()].map(textOf).join(',')}],"count":${byUser.size}}`
      return list
    },

    dirtyUsers: () => dirty,

    takeDirty () {
      const taken = dirty
      dirty = new Set()
      return taken
    }
  }
}
