// A client that goes on through everything, as a stock one does: it reconnects with the same pauses, subscribes with `since`,
// and sees what it has missed.
import type { StreamPosition, SubscribeResult } from '../../services/wire/protocol.ts'
import { roomEvent } from '../../test/helpers/socket.ts'
import type { LoadRoom } from '../load/dialects.ts'
import { openSession, RefusedForGood, type Session } from '../load/session.ts'

/** Of socket.io-client: the first pause, and the longest, each plus or minus half. */
const PAUSE_MS = 1000
const PAUSE_MAX_MS = 5000
const POSITION = /"epoch":"([^"]+)","offset":(\d+)/

export interface FollowerCounts {
  /** Attempts that were turned away, to be made again. */
  refused: number
  /** Connections that were refused for good: the client would not come back by itself. */
  refusedForGood: number
  /** Subscriptions that were told to load anew. */
  told: number
  /** Updates that came twice, or after a hole. */
  wrong: number
}

export interface Follower {
  /** Up to where it has everything; undefined while it is not in the room. */
  position (room: number): StreamPosition | undefined
  close (): void
}

export interface FollowerOptions {
  port: number
  /** As from a user of its own: a proxy limits what comes from one. */
  localAddress: string
  token: string
  rooms: LoadRoom[]
  counts: FollowerCounts
}

interface Place {
  room: LoadRoom
  /** How an event of this room begins. */
  start: string
  position: StreamPosition | undefined
  isIn: boolean
}

export function createFollower ({ rooms, counts, ...options }: FollowerOptions): Follower {
  const places = rooms.map((room): Place => ({ room, start: `["${roomEvent(room.workspaceId, room.appId)}"`, position: undefined, isIn: false }))
  let session: Session | undefined
  let attempts = 0
  let isClosed = false

  async function open (): Promise<void> {
    try {
      session = await openSession({ ...options, onEvent, onEnd })
    } catch (error) {
      if (error instanceof RefusedForGood) {
        counts.refusedForGood++
        return
      }
      counts.refused++
      return again()
    }
    attempts = 0
    for (const place of places) subscribe(place)
  }

  function again (): void {
    if (!isClosed) setTimeout(() => { void open() }, Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** attempts++) * (0.5 + Math.random()))
  }

  function onEnd (): void {
    session = undefined
    for (const place of places) place.isIn = false
    again()
  }

  function subscribe (place: Place): void {
    const asked = session
    asked?.request<SubscribeResult>('application', { event: 'SUBSCRIBE', payload: { ...place.room, since: place.position } }, answer => {
      if (answer.status === 'SUCCESS') return enter(place, answer.data)
      counts.refused++
      setTimeout(() => { if (asked === session) subscribe(place) }, PAUSE_MS)
    })
  }

  function enter (place: Place, { epoch, offset, recovered }: SubscribeResult): void {
    if (place.position !== undefined && !recovered) counts.told++
    if (!recovered) place.position = { epoch, offset }
    place.isIn = true
  }

  function onEvent (text: string): void {
    const place = places.find(({ start }) => text.startsWith(start))
    if (place !== undefined) onUpdate(place, text)
    else if (text.startsWith('["unsubscribed"')) onUnsubscribed(text)
  }

  function onUpdate (place: Place, text: string): void {
    const [, epoch = '', offset = ''] = POSITION.exec(text) ?? []
    if (epoch !== place.position?.epoch || Number(offset) !== place.position.offset + 1) counts.wrong++
    place.position = { epoch, offset: Number(offset) }
  }

  function onUnsubscribed (text: string): void {
    const place = places.find(({ room }) => text.includes(`"workspaceId":"${room.workspaceId}"`))
    if (place === undefined) return
    counts.told++
    place.isIn = false
    place.position = undefined
    subscribe(place)
  }

  void open()
  return {
    position (room) {
      const place = places[room]
      return place?.isIn === true ? place.position : undefined
    },
    close () {
      isClosed = true
      session?.close()
    }
  }
}
