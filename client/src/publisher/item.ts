// An item to publish: an event with its payload and id, for one or more rooms, and its result in each.
import { ClientError, clientError, type ErrorInfo } from '../errors.ts'
import type { PublishOptions, PublishResult, RoomName } from './types.ts'

/** An item in one of its rooms. */
export interface Part {
  item: Item
  /** The room's key. */
  room: string
  /** `"workspaceId":"…","appId":"…"` */
  name: string
  result?: PublishResult
}

export interface Item {
  id: string
  ephemeral: boolean
  isMany: boolean
  /** One part for each room. */
  parts: Part[]
  /** `"event":"…","id":"…","payload":…`: encoded when it was passed in. */
  text: string
  bytes: number
  /** Its number in the order of all items. */
  order: number
  isSettled?: boolean
  /** Why the last attempt failed. */
  last?: ErrorInfo
}

/** @throws ClientError `request/invalid` for an invalid room; TypeError for a payload that is not JSON */
export function createItem (rooms: RoomName[], isMany: boolean, event: string, payload: unknown, { id = crypto.randomUUID(), userId, ephemeral }: PublishOptions): Item {
  const json = JSON.stringify(payload) as string | undefined
  if (json === undefined) throw new TypeError(`${typeof payload} is not JSON: pass a payload, for example null.`)
  const text = `${JSON.stringify({ event, id, userId, ephemeral }).slice(1, -1)},"payload":${json}`
  const item: Item = { id, ephemeral: ephemeral === true, isMany, parts: [], text, bytes: new TextEncoder().encode(text).length, order: 0 }
  // A room that is named twice counts once.
  item.parts.push(...new Map(rooms.map(room => [keyOf(room), partOf(item, keyOf(room))])).values())
  return item
}

export function keyOf (room: RoomName): string {
  const key = typeof room === 'string' ? room : `${room.workspaceId}/${room.appId}`
  if (key.split('/').length === 2) return key
  throw new ClientError({ ...clientError('request/invalid', `${JSON.stringify(room)} is not a room: pass "workspaceId/appId".`, false) })
}

function partOf (item: Item, room: string): Part {
  const [workspaceId, appId] = room.split('/')
  return { item, room, name: JSON.stringify({ workspaceId, appId }).slice(1, -1) }
}
