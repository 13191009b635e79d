// The waiting updates, in a lane per room: a room's updates are sent in order, and rooms do not wait for each other.
import type { Item, Part } from './item.ts'

const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 8000

interface Lane {
  parts: Part[]
  /** Failures since the last success. */
  failures: number
  heldUntil: number
}

interface Lanes {
  add (item: Item): void
  /**
   * Chooses the next request: updates of any rooms, or one item for many. Each update is the first of its lane, or follows
   * another one of the same request there.
   */
  next (limits: { parts: number, bytes: number }): Part[]
  /** Records whether the first updates of these lanes failed for now, or succeeded. */
  hold (parts: Part[]): void
  release (parts: Part[]): void
  /** Removes updates that have a result. */
  sweep (parts: Part[]): void
  /** Milliseconds until the next paused lane continues; undefined if none is paused. */
  wait (): number | undefined
}

export function createLanes (): Lanes {
  const lanes = new Map<string, Lane>()
  let given = 0

  function ready (): Array<[room: string, lane: Lane, first: Part]> {
    return [...lanes].flatMap(([room, lane]) => lane.heldUntil <= Date.now() && lane.parts[0] !== undefined ? [[room, lane, lane.parts[0]]] : [])
  }

  return {
    add (item) {
      item.order = given++
      for (const part of item.parts) {
        const lane = lanes.get(part.room) ?? { parts: [], failures: 0, heldUntil: 0 }
        lane.parts.push(part)
        lanes.set(part.room, lane)
      }
    },

    next ({ parts: maxParts, bytes: maxBytes }) {
      const open = ready()
      const item = open[0]?.[2].item
      const taken: Part[] = []
      if (item?.isMany === true) {
        taken.push(...open.flatMap(([, , first]) => first.item === item ? [first] : []).slice(0, maxParts))
      } else {
        let bytes = 0
        for (const [, lane] of open) {
          for (const part of lane.parts) {
            bytes += part.item.bytes
            if (part.item.isMany || taken.length === maxParts || (taken.length > 0 && bytes > maxBytes)) break
            taken.push(part)
          }
        }
      }
      // Other rooms come first next time. Within a request, items keep their order.
      for (const { room } of taken) {
        const lane = lanes.get(room)
        lanes.delete(room)
        if (lane !== undefined) lanes.set(room, lane)
      }
      return taken.sort((a, b) => a.item.order - b.item.order)
    },

    hold (parts) {
      for (const lane of lanesOf(parts)) lane.heldUntil = Date.now() + backOff(lane.failures++)
    },

    release (parts) {
      for (const lane of lanesOf(parts)) lane.failures = 0
    },

    sweep (parts) {
      for (const { room } of parts) {
        const lane = lanes.get(room)
        if (lane === undefined) continue
        lane.parts = lane.parts.filter(({ result }) => result === undefined)
        if (lane.parts.length === 0) lanes.delete(room)
      }
    },

    wait () {
      const times = [...lanes.values()].map(({ heldUntil }) => heldUntil)
      return times.length === 0 ? undefined : Math.max(0, Math.min(...times) - Date.now())
    }
  }

  function lanesOf (parts: Part[]): Set<Lane> {
    return new Set(parts.flatMap(({ room }) => lanes.get(room) ?? []))
  }
}

/** A jittered pause that grows with each failure. */
export function backOff (failures: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures) * (0.5 + Math.random() / 2)
}
