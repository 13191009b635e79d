// Slots that were moved from one master of a cluster to another. A room that comes with its slot was last written by
// another process than the one that has it now, and is whole all the same, if nothing was lost on the way. That is known
// where we saw the slot at the one before and at the one after, and every master was the same process all the time in
// between: none was restarted, none was promoted, so there was nothing but moves, and a move takes all that there is.
import type { RedisProcess } from './redis-commands.ts'
import { identityOf, type RedisIdentity } from './redis-identity.ts'

/** Processes that are remembered for one slot; a room that was last written by an earlier one begins anew. */
const MOST_PROCESSES = 16
/** A master that does not say by then who it is, is not known to be the same. */
const TELL_TIMEOUT_MS = 300

/** A master, as far as it matters here. */
export interface Holder {
  readonly id: string
  readonly link: { process (timeoutMs: number): Promise<RedisProcess | undefined> }
}

export interface Move<H extends Holder> {
  slot: number
  from: H
  /** Undefined for one that was no master at the look before. */
  to: H | undefined
}

export interface RedisHandovers<H extends Holder> {
  /**
   * Slots were seen at other masters than at the look before.
   * @param masters of the look before
   * @param sinceMs when that look began, by performance.now()
   * @returns whether it is known that nothing was lost on the way
   */
  moved (moves: Array<Move<H>>, masters: H[], sinceMs: number): Promise<boolean>
  /** A process of some master ended, or began: from here on nothing is known of what was moved before. */
  forget (): void
  /** What a script on a room of the slot is told of the Redis it runs on. */
  identityAt (holder: H, slot: number, identity: RedisIdentity): RedisIdentity
}

/** What one process was handed. */
interface Received {
  runId: string
  bySlot: Map<number, { from: string[], identity: RedisIdentity | undefined }>
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
    at.bySlot.set(slot, { from: [giver, ...earlier.filter(runId => runId !== giver)].slice(0, MOST_PROCESSES), identity: undefined })
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
      // The same object, as long as nothing changes: publishes of one turn go together by it.
      handed.identity ??= { runId: identity.runId, whole: [identity.whole, ...handed.from].join(' ').trim() }
      return handed.identity
    }
  }
}
