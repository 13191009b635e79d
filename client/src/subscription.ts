// The subscription of this connection to one room, shared by all holders of the room. It subscribes again after every
// reconnect, from its last position. Every update is delivered once and in order, or a `reset` reports that some are lost.
import { createEmitter } from './emitter.ts'
import { ClientError, clientError, mayPass, type ErrorInfo } from './errors.ts'
import type { Context, Mutable, Subscription } from './inner.ts'
import { createOutgoing } from './outgoing.ts'
import { createTimer, renewalWait } from './timers.ts'
import { takeToken } from './token.ts'
import type { Room, TokenSource } from './types.ts'
import type { PresenceChange, PresenceList, StreamPosition, SubscribeResult, TokenExpiring, Unsubscribed, Update } from './wire.ts'

/** How long a room stays subscribed after its last holder left, so that a remounted component causes no leave and join. */
const LINGER_MS = 1000
/** Events of the client itself. An app's event with such a name arrives only as `update`. */
const OWN_WORDS = /^(update|joined|reset|presence|error)$/

const nobody: PresenceList = { collaborators: [], count: 0 }

/** The state that all holders of the room share. */
type Shared = Mutable<Pick<Room, 'isJoined' | 'presence'>> & { position?: StreamPosition }

export function createSubscription (name: { workspaceId: string, appId: string }, context: Context, onEnd: () => void): Subscription {
  const { socket, ask, tell } = context
  const shared: Shared = { ...name, isJoined: false, presence: nobody }
  const holders = new Set<(event: string, data: unknown) => number>()
  const outgoing = createOutgoing(name, context)
  const [setRetry, stopRetry] = createTimer()
  const [setRenewal, stopRenewal] = createTimer()
  const [setEnd, stopEnd] = createTimer()
  let token: TokenSource | undefined
  /** The state of this session, sent again after every reconnect. */
  let state: unknown
  let isAsking = false
  /** Set after an operator has ended the subscription. Then it is not renewed. */
  let barred: ErrorInfo | undefined
  /** The error for a publish through a room that was left. */
  let reason = clientError('client/left', 'The room was left.')
  /** Counts subscriptions, so that answers to earlier ones are ignored. */
  let turn = 0

  /** Emits an event to all holders. @returns the number of listeners */
  function emit (event: string, data: unknown): number {
    return [...holders].filter(emit => emit(event, data)).length
  }

  // ── Joining ───────────────────────────────────────────────────────────────

  async function subscribe (): Promise<void> {
    if (!socket.connected || !holders.size) return
    if (barred) return onRefused(barred)
    stopRetry()
    isAsking = true
    const mine = ++turn
    const given = token && await takeToken(token)
    if (mine !== turn) return
    if (typeof given === 'object') return onRefused(given)
    const since = shared.position
    // A callback instead of a promise, because updates can follow in the same packet.
    ask<SubscribeResult>('application', { event: 'SUBSCRIBE', payload: { ...name, since, token: given } }, (error, result) => {
      if (mine !== turn) return
      if (error) return onRefused(error)
      const { epoch, offset, recovered } = result
      const position = { epoch, offset }
      shared.isJoined = true
      if (!recovered) shared.position = position
      emit('joined', result)
      if (since && !recovered) emit('reset', { position })
      outgoing.gate(true)
      tellPresence()
    })
  }

  /** Sends the state of this session and asks who is in the room. Without the `presence` capability, nobody is visible. */
  function tellPresence (): void {
    if (!shared.isJoined) return
    ask<PresenceList>('presence', { ...name, state }, (error, list) => {
      if (!error) onPresenceList(list)
      else if (shared.isJoined && (state != null || mayPass(error))) onRefused(error)
    })
  }

  function onRefused (error: ErrorInfo): void {
    isAsking = false
    const info = { ...error, ...name }
    if (!emit('error', info)) tell(info)
    // A client that may not subscribe may still publish.
    if (!mayPass(error)) outgoing.gate(true)
    else setRetry(subscribe)
  }

  function away (): void {
    turn++
    isAsking = shared.isJoined = false
    outgoing.gate(false)
    stopRetry()
  }

  // ── Listening ─────────────────────────────────────────────────────────────

  function onUpdate (update: Update): void {
    const { epoch, offset, event } = update
    const { position } = shared
    if (!shared.isJoined) return
    if (offset) {
      if (position?.epoch === epoch && position.offset >= offset) return
      shared.position = { epoch, offset }
    }
    if (!OWN_WORDS.test(event)) emit(event, update)
    emit('update', update)
  }

  function onPresence ({ joined, left, changed, count }: Omit<PresenceChange, 'workspaceId' | 'appId'>): void {
    if (!shared.isJoined) return
    const here = new Map(shared.presence.collaborators.map(person => [person.userId, person]))
    const fresh = joined.filter(({ userId }) => !here.has(userId))
    for (const { userId } of left) here.delete(userId)
    // Known collaborators keep their places in the list.
    for (const person of [...joined, ...changed]) here.set(person.userId, person)
    const presence = { collaborators: [...here.values()], count }
    if (JSON.stringify(presence) === JSON.stringify(shared.presence)) return
    shared.presence = presence
    emit('presence', { ...presence, joined: fresh, left, changed })
  }

  function onPresenceList ({ collaborators, count }: PresenceList): void {
    const left = shared.presence.collaborators.filter(({ userId }) => !collaborators.some(person => person.userId === userId))
    onPresence({ joined: collaborators, left, changed: [], count })
  }

  function onUnsubscribed ({ code, message }: Unsubscribed): void {
    const error = clientError(code, message, false)
    // The service decides whether it still has all missed updates. If not, it is a reset.
    const mayReturn = code === 'history/insufficient'
    if (!mayReturn) onPresenceList(nobody)
    away()
    if (code === 'auth/unsubscribed') barred = error
    if (mayReturn) void subscribe()
    else onRefused(error)
  }

  // ── Holding ───────────────────────────────────────────────────────────────

  function end (next = reason): void {
    if (socket.connected) socket.emit('application', { event: 'UNSUBSCRIBE', payload: name })
    away()
    stopRenewal()
    stopEnd()
    holders.clear()
    outgoing.gate(false, reason = next)
    onEnd()
  }

  return {
    hold ({ token: own = token, since }) {
      const { on, off, emit } = createEmitter()
      const { position } = shared
      const isElsewhere = since && (since.epoch !== position?.epoch || since.offset !== position.offset)
      // The others continue from their position, but this holder must load its state again.
      const isLate = isElsewhere && position && holders.size > 0
      if (isElsewhere && !isLate) {
        away()
        shared.position = since
      }
      const isServed = (shared.isJoined || isAsking) && own === token
      token = own
      holders.add(emit)
      stopEnd()
      if (!isServed) void subscribe()
      // Emit later, after the caller has added its listeners.
      queueMicrotask(() => {
        const { isJoined, position, presence } = shared
        if (!holders.has(emit)) return
        if (isJoined) emit('joined', { ...position, recovered: !!since && !isLate, missed: 0 })
        if (isLate) emit('reset', { position })
        if (presence.count) emit('presence', { ...presence, joined: presence.collaborators, left: [], changed: [] })
      })
      // The shared state is visible through it until it is left.
      const room: Mutable<Room> = Object.assign(Object.create(shared), {
        on,
        off,
        publish: (...update: Parameters<Room['publish']>) =>
          holders.has(emit) ? outgoing.publish(...update) : Promise.reject(new ClientError(reason)),
        setPresence (next: unknown) {
          if (!holders.has(emit)) return
          state = next
          tellPresence()
        },
        leave () {
          room.isJoined = false
          if (holders.delete(emit) && !holders.size) setEnd(end, LINGER_MS)
        }
      })
      return room
    },
    subscribe () { if (!shared.isJoined) void subscribe() },
    hear (event, data) {
      if (event === 'unsubscribed') onUnsubscribed(data as Unsubscribed)
      else if (event === 'token_expiring') setRenewal(subscribe, renewalWait((data as TokenExpiring).expiresAt))
      else if (event === 'presence') onPresence(data as PresenceChange)
      else onUpdate(data as Update)
    },
    onDisconnect: away,
    end
  }
}
