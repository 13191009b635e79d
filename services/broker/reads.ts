// Reads of history and presence take turns. Few run at a time, in calls and in bytes, so that they delay neither
// publishes nor probes, and no caller can hold up the others.
import type { Metrics } from '../observe/metrics.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

export interface ReadRequest {
  room: RoomKey
  /** Identifies the read. Requests with the same question share a read that has not begun. */
  question: string
  /** Requests of the same caller share its turns. */
  caller: string
  /** The largest possible answer, in bytes. */
  bytes: number
}

export interface Reads {
  /** Runs the read when its turn comes. Reads of one room run one after the other. */
  run<T> (request: ReadRequest, read: () => Promise<T>): Promise<T>
}

interface Waiting extends ReadRequest {
  start: () => Promise<void>
  answer: Promise<unknown>
}

export function createReads ({ settings, metrics }: { settings: Settings, metrics: Metrics }): Reads {
  /** The waiting reads of each caller; the caller whose turn is next comes first. */
  const queues = new Map<string, Waiting[]>()
  const asked = new Map<string, Waiting>()
  const busy = new Set<RoomKey>()
  let calls = 0
  let bytes = 0

  function startNext (): void {
    while (calls < settings.READS_AT_ONCE) {
      const read = takeNext()
      if (read === undefined) break
      void perform(read)
    }
    metrics.readsWaiting.set(asked.size)
  }

  /** The first read of the next caller whose room is not being read; undefined if none may start now. */
  function takeNext (): Waiting | undefined {
    for (const [caller, queue] of queues) {
      const [read] = queue
      if (read === undefined || busy.has(read.room)) continue
      if (calls > 0 && bytes + read.bytes > settings.READS_MAX_BYTES) return undefined
      queue.shift()
      queues.delete(caller)
      if (queue.length > 0) queues.set(caller, queue)
      asked.delete(keyOf(read))
      return read
    }
  }

  async function perform (read: Waiting): Promise<void> {
    calls++
    bytes += read.bytes
    busy.add(read.room)
    await read.start()
    calls--
    bytes -= read.bytes
    busy.delete(read.room)
    startNext()
  }

  function enqueue<T> (request: ReadRequest, read: () => Promise<T>): Waiting {
    let start = async (): Promise<void> => {}
    const answer = new Promise<T>((resolve, reject) => {
      start = () => read().then(resolve, reject)
    })
    const waiting = { ...request, start, answer }
    const queue = queues.get(request.caller)
    if (queue === undefined) queues.set(request.caller, [waiting])
    else queue.push(waiting)
    asked.set(keyOf(request), waiting)
    return waiting
  }

  return {
    run<T> (request: ReadRequest, read: () => Promise<T>) {
      const same = asked.get(keyOf(request)) ?? enqueue(request, read)
      startNext()
      return same.answer as Promise<T>
    }
  }
}

/** Unambiguous, because a room key contains no space. */
function keyOf ({ room, question }: ReadRequest): string {
  return `${room} ${question}`
}
