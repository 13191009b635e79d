// Users with several tabs, who come and go; what is, and what a backend believes that the webhook tells.
import type { Socket } from 'socket.io-client'
import type { WebhookEvent } from '../../services/hooks/events.ts'
import type { Received, Receiver } from './receiver.ts'
import type { Scope } from './scope.ts'
import { connect, subscribe, unsubscribe } from './socket.ts'
import { token } from './token.ts'

const RETRY_MS = 200

/** Settings of an instance that tells a receiver of everything, soon. */
export function membersWebhook (receiver: Receiver, leaseMs: number, lingerMs: number): Record<string, string> {
  return {
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRET: 'a-secret-of-the-webhook',
    WEBHOOK_EVENTS: 'room.occupied,room.vacated,member.joined,member.left',
    WEBHOOK_BATCH_MS: '20',
    WEBHOOK_RETRY_MAX_MS: '200',
    HEARTBEAT_MS: '300',
    LEASE_MS: String(leaseMs),
    PRESENCE_LINGER_MS: String(lingerMs),
    ROOM_LINGER_MS: String(lingerMs)
  }
}

export interface Tab {
  userId: string
  socket: Socket
  rooms: Set<string>
  /** Called after each SUBSCRIBE that was answered, also after a reconnect and an `unsubscribed`. */
  onJoined: (appId: string) => void
  enter (appId: string): Promise<void>
  leave (appId: string): Promise<void>
  /** Whether it left the room without an answer yet: recovery may bring it back once, and then it leaves again. */
  isLeaving (appId: string): boolean
  /** Its connection breaks, if it has one. */
  breakOff (): void
}

/**
 * A tab as everybody writes it: it subscribes anew after every connect, and whenever the server ended a subscription. A room
 * that it left without an answer it leaves again, since recovery may bring it back.
 */
export async function openTab (t: Scope, url: string, userId: string): Promise<Tab> {
  const socket = await connect(t, url, {
    token: token({ sub: userId, name: `Name of ${userId}` }), transports: ['websocket'], reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 500
  })
  const rooms = new Set<string>()
  /** Left, without an answer yet. */
  const leaving = new Set<string>()

  async function join (appId: string): Promise<void> {
    try {
      if ((await subscribe(socket, 'acme', appId)).status === 'SUCCESS') {
        if (rooms.has(appId)) tab.onJoined(appId)
        return
      }
    } catch {
      // The connection ended: what it subscribes to after the next connect is right.
      if (!socket.connected) return
    }
    if (rooms.has(appId)) setTimeout(() => { void join(appId) }, RETRY_MS)
  }

  async function leave (appId: string): Promise<void> {
    leaving.add(appId)
    try {
      await unsubscribe(socket, 'acme', appId)
      leaving.delete(appId)
    } catch (error) {
      // It is repeated after the next connect.
      if (socket.connected) throw error
    }
  }

  socket.on('connect', () => {
    for (const appId of leaving) if (!rooms.has(appId)) void leave(appId)
    for (const appId of rooms) void join(appId)
  })
  socket.on('unsubscribed', ({ appId }: { appId: string }) => { if (rooms.has(appId)) void join(appId) })
  const tab: Tab = {
    userId,
    socket,
    rooms,
    onJoined () {},
    async enter (appId) {
      rooms.add(appId)
      leaving.delete(appId)
      await join(appId)
    },
    async leave (appId) {
      rooms.delete(appId)
      await leave(appId)
    },
    isLeaving: appId => leaving.has(appId),
    breakOff () {
      // In the middle of connecting, socket.io-client would stand still until its own time-out.
      if (socket.connected) socket.io.engine.close()
    }
  }
  return tab
}

/** `ROOM` for a room with members, `ROOM USER` for a user in it. */
export function whatIs (tabs: Tab[]): string[] {
  return [...new Set(tabs.flatMap(({ userId, rooms }) => [...rooms].flatMap(room => [room, `${room} ${userId}`])))].sort()
}

export interface Belief {
  take (request: Received): void
  now (): string[]
  /** All events, without repeats. */
  events (): WebhookEvent[]
  /** Events that say nothing new, though their id is. */
  readonly superfluous: WebhookEvent[]
}

export function createBelief (): Belief {
  const seen = new Map<string, WebhookEvent>()
  const believed = new Set<string>()
  const superfluous: WebhookEvent[] = []
  return {
    superfluous,
    take ({ events }) {
      for (const event of events) {
        if (seen.has(event.id)) continue
        seen.set(event.id, event)
        const subject = 'userId' in event ? `${event.appId} ${event.userId}` : event.appId
        const isThere = event.event === 'member.joined' || event.event === 'room.occupied'
        if (believed.has(subject) === isThere) superfluous.push(event)
        if (isThere) believed.add(subject)
        else believed.delete(subject)
      }
    },
    now: () => [...believed].sort(),
    events: () => [...seen.values()]
  }
}
