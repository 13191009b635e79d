// A page as everybody writes it, with a stock client: SUBSCRIBE in the `connect` handler, no position of its own. It checks the
// promise: every update once and in order as long as `socket.recovered` says so, and positions that say exactly what came.
import type { Socket } from 'socket.io-client'
import type { ApplicationResponse, StreamPosition, SubscribeResult, Unsubscribed, Update } from '../../services/wire/protocol.ts'
import { roomKey, roomName, type RoomKey } from '../../services/wire/rooms.ts'
import { eventually } from './eventually.ts'

export interface StockFollower {
  socket: Socket
  /** All that came, ephemeral ones too. */
  updates: Update[]
  /** What broke the promise. */
  faults: string[]
  /** Connections after the first, by what `socket.recovered` said. */
  recovered: number
  fresh: number
  /** Codes of `unsubscribed`. */
  told: string[]
  /** The answer to each SUBSCRIBE. */
  answers: SubscribeResult[]
  position (room: RoomKey): StreamPosition | undefined
  subscribe (room: RoomKey): void
  unsubscribe (room: RoomKey): void
  /** Waits until it stands there in a room; fails on the first fault. */
  until (room: RoomKey, offset: number, timeoutMs?: number): Promise<void>
}

/** @param withSince it gives the position of the last update as `since` as well, as the protocol page shows */
export async function followStock (socket: Socket, rooms: RoomKey[], withSince = false): Promise<StockFollower> {
  const positions = new Map<RoomKey, StreamPosition>()
  /** Where a SUBSCRIBE with `since` was sent from, in a session that is not recovered. */
  const asked = new Map<RoomKey, StreamPosition>()
  /** Rooms whose UNSUBSCRIBE is not answered: what is on its way still counts, so there is no position to give yet. */
  const parting = new Set<RoomKey>()
  const wanted = new Set(rooms)
  let connections = 1

  function send (event: string, room: RoomKey): void {
    const since = withSince && !parting.has(room) ? positions.get(room) : undefined
    if (since !== undefined && !socket.recovered) asked.set(room, since)
    socket.emit('application', { event, payload: { ...roomName(room), ...event === 'SUBSCRIBE' && since && { since } } })
  }

  /** What the last argument says must be what came, neither more nor less. */
  function checkPositions (args: unknown[], what: string): void {
    const known = [...positions].map(([room, { epoch, offset }]) => `${room}:${epoch}:${offset}`)
    const expected = known.length > 16 ? '' : known.sort().join(';')
    const given = args[1]
    if (typeof given !== 'string' || given.split(';').sort().join(';') !== expected) fail(`${what} came with ${String(given)}, not ${expected}`)
  }

  function fail (fault: string): void {
    follower.faults.push(`${fault} (connection ${connections}, ${socket.recovered ? 'recovered' : 'fresh'})`)
  }

  function onUpdate (update: Update, ...rest: unknown[]): void {
    const room = roomKey(update)
    const { epoch, offset } = update
    follower.updates.push(update)
    if (offset === undefined) {
      if (rest.length > 0) fail('an ephemeral update came with positions')
      return
    }
    const known = positions.get(room)
    if (known?.epoch !== epoch || known.offset + 1 !== offset) fail(`${room} ${epoch}:${offset} came after ${known?.epoch}:${known?.offset}`)
    positions.set(room, { epoch, offset })
    if (positions.size <= 16) checkPositions([update, ...rest], `${room} ${offset}`)
  }

  function onSubscribed (room: RoomKey, { epoch, offset, recovered, missed }: SubscribeResult): void {
    const known = positions.get(room)
    const since = asked.get(room)
    asked.delete(room)
    if (known === undefined) {
      positions.set(room, { epoch, offset })
    } else if (since !== undefined && !recovered) {
      follower.told.push('recovered: false')
      positions.set(room, { epoch, offset })
    } else if (since !== undefined ? offset - missed !== since.offset : epoch !== known.epoch || offset !== known.offset || missed !== 0) {
      fail(`SUBSCRIBE of ${room} was answered ${epoch}:${offset}, missed ${missed}, at ${known.epoch}:${known.offset}`)
    }
    if (since === undefined && known !== undefined && socket.recovered && !recovered && began.has(room)) fail(`SUBSCRIBE of ${room} was not answered as recovered`)
  }

  /** Rooms that came back with this connection. */
  let began = new Set<RoomKey>()

  socket.onAny((event: string, ...args: unknown[]) => {
    if (event.startsWith('workspace_')) return onUpdate(...args as [Update])
    if (event === 'unsubscribed') {
      const ended = args[0] as Unsubscribed
      follower.told.push(ended.code)
      positions.delete(roomKey(ended))
      began.delete(roomKey(ended))
      return checkPositions(args, event)
    }
    if (event !== 'application_response') return
    const { event: request, payload, status, data, error } = args[0] as ApplicationResponse
    const room = roomKey(payload as { workspaceId: string, appId: string })
    if (status === 'ERROR') fail(`${request} of ${room} was answered ${error?.code}`)
    else if (request === 'UNSUBSCRIBE') {
      parting.delete(room)
      positions.delete(room)
      began.delete(room)
    } else if (request === 'SUBSCRIBE') {
      follower.answers.push(data as SubscribeResult)
      onSubscribed(room, data as SubscribeResult)
    }
    checkPositions(args, `${request} of ${room}`)
  })
  socket.on('connect', () => {
    connections++
    asked.clear()
    parting.clear()
    if (socket.recovered) follower.recovered++
    else follower.fresh++
    if (!socket.recovered && !withSince) positions.clear()
    began = new Set(socket.recovered ? positions.keys() : [])
    for (const room of wanted) send('SUBSCRIBE', room)
  })

  const follower: StockFollower = {
    socket,
    updates: [],
    faults: [],
    recovered: 0,
    fresh: 0,
    told: [],
    answers: [],
    position: room => positions.get(room),
    subscribe (room) {
      wanted.add(room)
      send('SUBSCRIBE', room)
    },
    unsubscribe (room) {
      wanted.delete(room)
      parting.add(room)
      send('UNSUBSCRIBE', room)
    },
    async until (room, offset, timeoutMs = 10_000) {
      const isThere = () => follower.faults.length > 0 || (positions.get(room)?.offset ?? -1) >= offset
      await eventually(isThere, timeoutMs)
      if (follower.faults.length > 0) throw new Error(follower.faults.join('; '))
    }
  }
  for (const room of rooms) send('SUBSCRIBE', room)
  await eventually(() => rooms.every(room => positions.has(room)))
  return follower
}

/**
 * The connection breaks without a word, and what is on its way is lost. The client comes back by itself. `engine.close` would
 * wait for an upgrade, and then close between a packet and its event: socket.io-client hands that over after it has recovered.
 */
export function cut (socket: Socket): void {
  const { transport } = socket.io.engine as unknown as { transport: { ws?: { terminate (): void }, onError (reason: string): void } }
  if (transport.ws === undefined) transport.onError('cut')
  else transport.ws.terminate()
}
