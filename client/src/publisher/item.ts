// What is published: an event with its payload and id, for one room or for many, and what became of it in each.
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
  /** One for each room. */
  parts: Part[]
  /** `"event":"…","id":"…","payload":…`: as it was when it was given. */
  text: string
  bytes: number
  /** Which one it is of all that were given. */
  order: number
  isSettled?: boolean
  /** Why the last attempt failed. */
  last?: ErrorInfo
}

/** @throws ClientError `request/invalid` for what is no room; TypeError for a payload that is no JSON */
export function createItem (rooms: RoomName[], isMany: boolean, event: string, payload: unknown, { id = crypto.randomUUID(), userId, ephemeral }: PublishOptions): Item {
  const json = JSON.stringify(payload) as string | undefined
  if (json === undefined) throw new TypeError(`${typeof payload} is no JSON: give a payload, for example null.`)
  const text = `${JSON.stringify({ event, id, userId, ephemeral }).slice(1, -1)},"payload":${json}`
  const item: Item = { id, ephemeral: ephemeral === true, isMany, parts: [], text, bytes: new TextEncoder().encode(text).length, order: 0 }
  // A room that is named twice is one.
  item.parts.push(...new Map(rooms.map(room => [keyOf(room), partOf(item, keyOf(room))])).values())
  return item
}

export function keyOf (room: RoomName): string {
  const key = typeof room === 'string' ? room : `${room.workspaceId}/${room.appId}`
  if (key.split('/').length === 2) return key
  throw new ClientError({ ...clientError('request/invalid', `${JSON.stringify(room)} is no room: give "workspaceId/appId".`, false) })
}

function partOf (item: Item, room: string): Part {
  const [workspaceId, appId] = room.split('/')
  return { item, room, name: JSON.stringify({ workspaceId, appId }).slice(1, -1) }
}
