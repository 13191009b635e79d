// A room of the client: keeps its position, subscribes again from there, drops repeats, says when it could not recover.
import type { Socket } from 'socket.io-client'
import type { ApplicationResponse, PresenceChange, PresenceList, Result, StreamPosition, Unsubscribed, Update } from '../services/wire/protocol.ts'
import { createOutgoing } from './outgoing.ts'
import { createPeople } from './people.ts'
import { backOff, clientError, createEmitter, createRenewal, mayPass } from './tools.ts'
import type { ErrorInfo, SubscribeResult, Room, RoomEvents, RoomOptions } from './types.ts'

/** What the client tells its rooms. */
export interface InnerRoom {
  room: Room
  subscribe (): void
  /** The room token runs out. */
  renew (expiresAt: number): void
  onDisconnect (): void
  onUnsubscribed (ended: Unsubscribed): void
  onPresence (change: PresenceChange): void
  /** The client is closed: what was not published fails. */
  close (): void
}

export interface RoomContext {
  socket: Socket
  publishTimeoutMs: number
  answerTimeoutMs: number
  onLeave: () => void
}

type AppUpdates = Record<string, Update>

export function createRoom (workspaceId: string, appId: string, { token, since }: RoomOptions, context: RoomContext): InnerRoom {
  const { socket, answerTimeoutMs, onLeave } = context
  const name = { workspaceId, appId }
  const channel = `workspace_${workspaceId}_app_${appId}`
  const emitter = createEmitter<RoomEvents>()
  const updates = createEmitter<AppUpdates>()
  const people = createPeople(change => emitter.emit('presence', change))
  const outgoing = createOutgoing(name, context)
  let position: StreamPosition | undefined = since
  let isJoined = false
  let isLeft = false
  /** An operator ended the subscription: it does not come back by itself. */
  let isBarred = false
  let attempts = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  /** Counts subscriptions: an answer to an earlier one is no longer of interest. */
  let turn = 0

  // ── Joining ───────────────────────────────────────────────────────────────

  async function subscribe (): Promise<void> {
    const mine = ++turn
    clearTimeout(timer)
    if (isBarred) return outgoing.open()
    let roomToken: string | undefined
    try {
      roomToken = await token?.()
    } catch (error) {
      return onRefused(clientError('client/no-token', String(error), true))
    }
    if (mine !== turn || !socket.connected) return
    const payload = { ...name, ...roomToken === undefined ? {} : { token: roomToken }, ...position === undefined ? {} : { since: position } }
    // By callback, not by promise: updates can follow in the same packet.
    socket.timeout(answerTimeoutMs).emit('application', { event: 'SUBSCRIBE', payload }, (late: Error | null, answer: ApplicationResponse) => {
      if (mine !== turn || !socket.connected) return
      if (late !== null) return onRefused(clientError('client/no-answer', 'SUBSCRIBE was not answered.', true))
      if (answer.error !== null) return onRefused(answer.error)
      onJoined(answer.data as SubscribeResult)
    })
  }

  function onJoined (joined: SubscribeResult): void {
    const isReset = position !== undefined && !joined.recovered
    if (!joined.recovered) position = { epoch: joined.epoch, offset: joined.offset }
    isJoined = true
    attempts = 0
    emitter.emit('joined', joined)
    if (isReset) emitter.emit('reset', { position: { epoch: joined.epoch, offset: joined.offset } })
    outgoing.open()
    socket.timeout(answerTimeoutMs).emit('presence', name, (late: Error | null, answer: Result<PresenceList>) => {
      // Without the capability nobody is seen.
      if (late === null && isJoined && answer.error === null) people.replace(answer.data)
    })
  }

  function onRefused (error: ErrorInfo): void {
    emitter.emit('error', error)
    if (mayPass(error)) timer = setTimeout(subscribe, backOff(attempts++))
    // Who may not listen may still be allowed to publish.
    else outgoing.open()
  }

  // ── Listening ─────────────────────────────────────────────────────────────

  function onUpdate (update: Update): void {
    // Two rooms can spell one name of this event.
    if (!isJoined || update.workspaceId !== workspaceId || update.appId !== appId) return
    const { epoch, offset, event } = update
    if (offset !== undefined) {
      if (epoch === position?.epoch && offset <= position.offset) return
      position = { epoch, offset }
    }
    updates.emit(event, update)
    emitter.emit('update', update)
  }

  function away (): void {
    turn++
    isJoined = false
    clearTimeout(timer)
  }

  function end (): void {
    away()
    isLeft = true
    socket.off(channel, onUpdate)
    outgoing.close()
  }

  socket.on(channel, onUpdate)
  const isOwn = (event: string): event is keyof RoomEvents => /^(update|joined|reset|presence|error)$/.test(event)

  const room: Room = {
    ...name,
    get isJoined () { return isJoined },
    get position () { return position },
    get presence () { return people.list() },
    on (event, listener) {
      if (isOwn(event)) emitter.on(event, listener as never)
      else updates.on(event, listener as never)
      return room
    },
    off (event, listener) {
      if (isOwn(event)) emitter.off(event, listener as never)
      else updates.off(event, listener as never)
      return room
    },
    publish: outgoing.publish,
    leave () {
      if (isLeft) return
      end()
      if (socket.connected) socket.emit('application', { event: 'UNSUBSCRIBE', payload: name })
      onLeave()
    }
  }

  return {
    room,
    subscribe: () => { void subscribe() },
    // A subscription from where one stands renews it.
    renew: createRenewal(() => { if (isJoined) void subscribe() }),
    onDisconnect () {
      away()
      outgoing.pause()
    },
    onUnsubscribed (ended) {
      isJoined = false
      // The room itself decides what of the past it still has; if not all of it, that is a reset.
      if (ended.code === 'history/insufficient') {
        void subscribe()
      } else {
        isBarred = ended.code === 'auth/unsubscribed'
        people.replace({ collaborators: [], count: 0 })
        onRefused({ ...ended, name: 'Unsubscribed', retryable: false })
      }
    },
    onPresence: change => { if (isJoined) people.change(change) },
    close: end
  }
}
