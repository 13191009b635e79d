// The account of one phase: what each member got, how late, and what is lost, repeated or out of order.
export interface LoadMember {
  room: number
  /** Of this phase: which of the room's updates it has, and the furthest of them. */
  seen: Uint8Array
  furthest: number
}

export interface TallyCounts {
  expected: number
  delivered: number
  lost: number
  repeated: number
  outOfOrder: number
  p50Ms: number
  p99Ms: number
}

export interface PhaseTally {
  /** Takes the next number to send; it goes to room `n % rooms`. */
  next (): number
  hasNext (): boolean
  answered (n: number): void
  /** The numbers of the updates in a message are counted. */
  onMessage (member: LoadMember, buffer: Buffer, start: number, end: number): void
  isComplete (): boolean
  /** When something was last delivered, by performance.now(). */
  lastAt (): number
  counts (): TallyCounts
}

/** What stands before the number in every payload. */
export const MARK = '"_n":'
const mark = Buffer.from(MARK)
const BUCKET_MS = 0.1
const BUCKETS = 100_000

/**
 * @param first the first number; each phase goes on where the last one ended, so that stragglers are not taken for its own
 */
export function createTally (members: LoadMember[], rooms: number, first: number, publishes: number): PhaseTally {
  const perRoom = Math.ceil(publishes / rooms)
  const sizes = new Uint32Array(rooms)
  for (const member of members) {
    member.seen = new Uint8Array(perRoom)
    member.furthest = -1
    sizes[member.room] = (sizes[member.room] as number) + 1
  }
  const sentAt = new Float64Array(publishes)
  const isAnswered = new Uint8Array(publishes)
  /** By room: all before this one are answered. */
  const answeredTo = new Uint32Array(rooms)
  /** The same, at the time when each was sent: only what was answered before then must come before it. */
  const answeredBefore = new Uint32Array(publishes)
  const latencies = new Uint32Array(BUCKETS)
  let sent = 0
  let delivered = 0
  let repeated = 0
  let outOfOrder = 0
  let lastAt = 0
  let expected = 0
  for (let n = 0; n < publishes; n++) expected += sizes[n % rooms] as number

  function count (member: LoadMember, n: number, now: number): void {
    const at = n - first
    if (at < 0 || at >= sent || at % rooms !== member.room) return
    const index = (at - member.room) / rooms
    if (member.seen[index] === 1) {
      repeated++
      return
    }
    member.seen[index] = 1
    delivered++
    lastAt = now
    if (index > member.furthest) member.furthest = index
    else if (index < (answeredBefore[member.furthest * rooms + member.room] as number)) outOfOrder++
    const bucket = Math.min(BUCKETS - 1, Math.floor((now - (sentAt[at] as number)) / BUCKET_MS))
    latencies[bucket] = (latencies[bucket] as number) + 1
  }

  function quantileMs (share: number): number {
    let left = share * delivered
    const bucket = latencies.findIndex(hits => (left -= hits) <= 0)
    return (bucket + 0.5) * BUCKET_MS
  }

  return {
    hasNext: () => sent < publishes,

    next () {
      const at = sent++
      answeredBefore[at] = answeredTo[at % rooms] as number
      sentAt[at] = performance.now()
      return first + at
    },

    answered (n) {
      const room = (n - first) % rooms
      isAnswered[n - first] = 1
      while (isAnswered[(answeredTo[room] as number) * rooms + room] === 1) answeredTo[room] = (answeredTo[room] as number) + 1
    },

    onMessage (member, buffer, start, end) {
      const now = performance.now()
      for (let at = buffer.indexOf(mark, start); at >= 0 && at < end; at = buffer.indexOf(mark, at)) {
        at += mark.length
        let n = 0
        for (let digit = buffer[at] as number; digit >= 48 && digit <= 57; digit = buffer[++at] as number) n = n * 10 + digit - 48
        count(member, n, now)
      }
    },

    isComplete: () => delivered >= expected,
    lastAt: () => lastAt,
    counts: () => ({ expected, delivered, lost: expected - delivered, repeated, outOfOrder, p50Ms: quantileMs(0.5), p99Ms: quantileMs(0.99) })
  }
}
