// Reads of history and presence take turns: so few at a time, in calls and in bytes, that what is published or probed
// meanwhile is never late, and none of the callers holds up the others.
import type { Metrics } from '../observe/metrics.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

export interface ReadRequest {
  room: RoomKey
  /** What is asked about the room. Those who ask the same share a read that has not begun. */
  question: string
  /** Whose turn is taken. */
  caller: string
  /** What the answer may be large. */
  bytes: number
}

export interface Reads {
  /** The read begins when it is its turn; reads of one room are made one after the other. */
  run<T> (request: ReadRequest, read: () => Promise<T>): Promise<T>
}

interface Waiting extends ReadRequest {
  start: () => Promise<void>
  answer: Promise<unknown>
}

export function createReads ({ settings, metrics }: { settings: Settings, metrics: Metrics }): Reads {
  /** What waits, by caller, in the order of their turns. */
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

  /** The first of the next caller whose room is not being read; undefined when none may begin now. */
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

/** Rooms have no space in their keys. */
function keyOf ({ room, question }: ReadRequest): string {
  return `${room} ${question}`
}
