// The typed client, as verbs: make one, wait for what it says, record a room.
import type { Test } from 'tap'
import { createClient, type Client, type ClientEvents, type ClientOptions, type ErrorInfo, type Heard, type Room, type RoomEvents, type StreamPosition } from '@roomcast/client'
import { token, type Claims } from './token.ts'
import { within } from './within.ts'

/** A client with a token of the claims, closed at teardown. */
export function clientOf (t: Test, url: string, claims: Claims = {}, options: Partial<ClientOptions> = {}): Client {
  const client = createClient(url, { token: () => token(claims), ...options })
  t.teardown(() => client.close())
  return client
}

/** Waits for the next event that passes the filter. */
export async function heard<E extends keyof RoomEvents> (
  room: Room, event: E, filter: (data: Heard<Record<string, unknown>, E>) => boolean = () => true, timeoutMs = 10_000
): Promise<Heard<Record<string, unknown>, E>> {
  let listen: (data: Heard<Record<string, unknown>, E>) => void = () => undefined
  const arrived = new Promise<Heard<Record<string, unknown>, E>>(resolve => {
    listen = data => { if (filter(data)) resolve(data) }
    room.on(event, listen)
  })
  return await within(timeoutMs, `${event} of ${room.workspaceId}/${room.appId}`, arrived).finally(() => room.off(event, listen))
}

export async function told<E extends keyof ClientEvents> (
  client: Client, event: E, filter: (data: ClientEvents[E]) => boolean = () => true, timeoutMs = 10_000
): Promise<ClientEvents[E]> {
  let listen: (data: ClientEvents[E]) => void = () => undefined
  const arrived = new Promise<ClientEvents[E]>(resolve => {
    listen = data => { if (filter(data)) resolve(data) }
    client.on(event, listen)
  })
  return await within(timeoutMs, `${event} of the client`, arrived).finally(() => client.off(event, listen))
}

export interface RoomRecord {
  /** `epoch:offset` is checked as they come: in order, no hole, no repeat, save after a reset. */
  payloads: unknown[]
  offsets: number[]
  faults: string[]
  resets: StreamPosition[]
  errors: ErrorInfo[]
  recovered: number
}

export function record (room: Room): RoomRecord {
  const log: RoomRecord = { payloads: [], offsets: [], faults: [], resets: [], errors: [], recovered: 0 }
  let last: StreamPosition | undefined
  room.on('joined', ({ epoch, offset, recovered, missed }) => {
    if (!recovered) last = { epoch, offset }
    log.recovered += missed
  })
  room.on('reset', ({ position }) => log.resets.push(position))
  room.on('error', error => log.errors.push(error))
  room.on('update', ({ epoch, offset, payload }) => {
    log.payloads.push(payload)
    if (offset === undefined) return
    log.offsets.push(offset)
    if (last === undefined || epoch !== last.epoch || offset !== last.offset + 1) log.faults.push(`${epoch}:${offset} after ${last?.epoch}:${last?.offset}`)
    last = { epoch, offset }
  })
  return log
}
