// Slots that moved from one master of a cluster to another. Their rooms are whole if this instance saw the slot before and
// after the move, and every master was the same process in between: a restart or a promotion may lose updates, a move does not.
import type { RedisProcess } from './redis-commands.ts'
import { identityOf, type RedisIdentity } from './redis-identity.ts'

/** The number of processes to remember per slot. A room that an earlier process wrote last starts a new epoch. */
const MOST_PROCESSES = 16
/** A master that does not identify itself within this time counts as another process. */
const TELL_TIMEOUT_MS = 300

/** The properties of a master that matter here. */
export interface Holder {
  readonly id: string
  readonly link: { process (timeoutMs: number): Promise<RedisProcess | undefined> }
}

export interface Move<H extends Holder> {
  slot: number
  from: H
  /** Undefined if it was no master at the previous look. */
  to: H | undefined
}

export interface RedisHandovers<H extends Holder> {
  /**
   * Records slots that are at other masters than at the previous look.
   * @param masters of the previous look
   * @param sinceMs when that look began, by performance.now()
   * @returns whether certainly nothing was lost on the way
   */
  moved (moves: Array<Move<H>>, masters: H[], sinceMs: number): Promise<boolean>
  /** A master was restarted or replaced, so earlier moves prove nothing any more. */
  forget (): void
  /** The identity that a script on a room of this slot gets. */
  identityAt (holder: H, slot: number, identity: RedisIdentity): RedisIdentity
}

interface Handed {
  from: string[]
  /** What scripts get instead of `of`. The same object while nothing changes, because publishes of one turn are grouped by it. */
  told: { of: RedisIdentity, identity: RedisIdentity } | undefined
}

/** The slots that moved to one process. */
interface Received {
  runId: string
  bySlot: Map<number, Handed>
}

export function createRedisHandovers<H extends Holder> (): RedisHandovers<H> {
  const received = new Map<H, Received>()

  function handOver ({ slot, from, to }: Move<H>, runIds: Map<H, string>): void {
    const [giver, taker] = [runIds.get(from), to && runIds.get(to)]
    if (to === undefined || giver === undefined || taker === undefined) return
    const known = received.get(from)
    const earlier = known?.runId === giver ? known.bySlot.get(slot)?.from ?? [] : []
    let at = received.get(to)
    if (at?.runId !== taker) received.set(to, at = { runId: taker, bySlot: new Map() })
    at.bySlot.set(slot, { from: [giver, ...earlier.filter(runId => runId !== giver)].slice(0, MOST_PROCESSES), told: undefined })
  }

  return {
    async moved (moves, masters, sinceMs) {
      const processes = await Promise.all(masters.map(({ link }) => link.process(TELL_TIMEOUT_MS)))
      const isSame = processes.every(process => process !== undefined && process.since < sinceMs)
      if (!isSame || moves.some(({ to }) => to === undefined)) {
        received.clear()
        return false
      }
      const runIds = new Map(masters.map((master, i) => [master, identityOf({ runId: processes[i]?.runId ?? '', durable: false }, master.id).runId]))
      for (const move of moves) handOver(move, runIds)
      for (const { slot, from } of moves) received.get(from)?.bySlot.delete(slot)
      return true
    },

    forget: () => received.clear(),

    identityAt (holder, slot, identity) {
      const at = received.get(holder)
      const handed = at?.runId === identity.runId ? at.bySlot.get(slot) : undefined
      if (handed === undefined) return identity
      if (handed.told?.of !== identity) {
        handed.told = { of: identity, identity: { runId: identity.runId, whole: [identity.whole, ...handed.from].join(' ').trim() } }
      }
      return handed.told.identity
    }
  }
}
