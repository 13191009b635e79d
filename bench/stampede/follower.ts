// A client that goes on through everything, as a stock one does: it reconnects with the same pauses, subscribes with `since`,
// and sees what it has missed. Thin, because ten thousand of them share one process.
import type { StreamPosition, SubscribeResult } from '../../services/wire/protocol.ts'
import { roomEvent } from '../../test/helpers/socket.ts'
import type { LoadRoom } from '../load/dialects.ts'
import { openWire, type Wire } from '../load/wire.ts'
import { SOCKET_IO_PATH } from '../peers/peers.ts'

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
  /** In the room, and up to where it has everything; undefined while it is not. */
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
  event: string
  position: StreamPosition | undefined
  isIn: boolean
}

export function createFollower ({ port, localAddress, token, rooms, counts }: FollowerOptions): Follower {
  const places = rooms.map((room): Place => ({ room, event: roomEvent(room.workspaceId, room.appId), position: undefined, isIn: false }))
  let wire: Wire | undefined
  let attempts = 0
  let isClosed = false

  function open (): void {
    const opened = wire = openWire({ port, localAddress, path: SOCKET_IO_PATH }, {
      onOpen () {},
      onText (buffer, start, end) { onPacket(opened, buffer.toString('latin1', start, end)) },
      onClose
    })
  }

  function onClose (error: Error | undefined): void {
    for (const place of places) place.isIn = false
    if (error?.message.startsWith('refused') === true) counts.refused++
    if (!isClosed) setTimeout(open, Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** attempts++) * (0.5 + Math.random()))
  }

  function onPacket (wire: Wire, text: string): void {
    if (text === '2') return wire.send('3')
    if (text.startsWith('0')) return wire.send(`40${JSON.stringify({ token, positions: false })}`)
    if (text.startsWith('40')) return onConnect(wire)
    if (text.startsWith('43')) return onAnswer(wire, text)
    if (text.startsWith('44')) {
      counts.refusedForGood++
      isClosed = true
      return wire.close()
    }
    if (text.startsWith('42["workspace_')) return onUpdate(text)
    if (text.startsWith('42["unsubscribed"')) onUnsubscribed(wire, text)
  }

  function onConnect (wire: Wire): void {
    attempts = 0
    places.forEach((_, i) => subscribe(wire, i))
  }

  function subscribe (wire: Wire, i: number): void {
    const { room, position } = places[i] as Place
    wire.send(`42${i}${JSON.stringify(['application', { event: 'SUBSCRIBE', payload: { ...room, since: position } }])}`)
  }

  function onAnswer (asked: Wire, text: string): void {
    const at = text.indexOf('[')
    const i = Number(text.slice(2, at))
    const place = places[i] as Place
    const [{ status, data }] = JSON.parse(text.slice(at)) as [{ status: string, data: SubscribeResult }]
    if (status === 'ERROR') {
      counts.refused++
      setTimeout(() => { if (asked === wire) subscribe(asked, i) }, PAUSE_MS)
      return
    }
    if (place.position !== undefined && !data.recovered) counts.told++
    place.isIn = true
    if (place.position === undefined || !data.recovered) place.position = { epoch: data.epoch, offset: data.offset }
  }

  function onUpdate (text: string): void {
    const place = places.find(({ event }) => text.startsWith(event, 4))
    const [, epoch = '', offset = ''] = POSITION.exec(text) ?? []
    if (place?.position === undefined) return
    if (epoch !== place.position.epoch || Number(offset) !== place.position.offset + 1) counts.wrong++
    place.position = { epoch, offset: Number(offset) }
  }

  function onUnsubscribed (wire: Wire, text: string): void {
    const i = places.findIndex(({ room }) => text.includes(`"workspaceId":"${room.workspaceId}"`))
    const place = places[i]
    if (place === undefined) return
    counts.told++
    place.isIn = false
    place.position = undefined
    subscribe(wire, i)
  }

  open()
  return {
    position (room) {
      const place = places[room]
      return place?.isIn === true ? place.position : undefined
    },
    close () {
      isClosed = true
      wire?.close()
    }
  }
}
