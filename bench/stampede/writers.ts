// A writer for each room: publishes now and then, repeats what was not answered, and knows up to where a room must be had.
import { setTimeout as pause } from 'node:timers/promises'
import type { StreamPosition } from '../../services/wire/protocol.ts'
import { publish } from '../../test/helpers/http.ts'
import type { LoadRoom } from '../load/dialects.ts'
import { publisherToken } from '../peers/peers.ts'

const EVERY_MS = 2000
const AGAIN_MS = 200

export interface Answered extends StreamPosition {
  /** By performance.now(). */
  at: number
}

export interface Writers {
  /** The newest position of a room that was answered before `before`, with when that was; undefined before the first. */
  answered (room: number, before: number): Answered | undefined
  /** How many are answered. */
  count (): number
  stop (): Promise<void>
}

/** @param urls of the instances that live; read anew at every attempt */
export function startWriters (rooms: LoadRoom[], urls: () => string[]): Writers {
  const answers: Answered[][] = rooms.map(() => [])
  let isStopping = false

  async function write (room: LoadRoom, i: number): Promise<void> {
    await pause(EVERY_MS * i / rooms.length)
    for (let n = 1; !isStopping; n++) {
      while (!isStopping && !await attempt(room, i, n)) await pause(AGAIN_MS)
      await pause(EVERY_MS)
    }
  }

  async function attempt (room: LoadRoom, i: number, n: number): Promise<boolean> {
    const all = urls()
    try {
      const { status, body: { data } } = await publish(all[(i + n) % all.length] as string, { ...room, event: 'N', payload: n, id: `${i}-${n}` }, publisherToken)
      const { epoch, offset } = data ?? {}
      if (status === 200 && offset !== null && offset !== undefined) answers[i]?.push({ at: performance.now(), epoch: epoch as string, offset })
      return status === 200
    } catch {
      // The instance has just been killed: the next one is asked.
      return false
    }
  }

  const running = rooms.map(write)
  return {
    answered: (room, before) => answers[room]?.findLast(({ at }) => at <= before),
    count: () => answers.reduce((sum, { length }) => sum + length, 0),
    async stop () {
      isStopping = true
      await Promise.all(running)
    }
  }
}
