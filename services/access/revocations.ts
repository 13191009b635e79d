// Revoked tokens, in memory. Every token is checked against them. Entries can be learned in any order and more than once:
// of two entries with the same target, the later one counts.
import { Type, type Static } from '@sinclair/typebox'
import type { Identity } from './identity.ts'
import { CLOCK_STEP_MS } from './time.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'
import { RoomcastError } from '../wire/errors.ts'
import { RevokeCommand } from '../wire/protocol.ts'

/** How often outdated entries are deleted. */
const SWEEP_MS = 60_000
/** How far back `issuedBefore` may lie. A time given in seconds would lie in 1970 and is refused. */
const LONGEST_BACK_MS = 10 * 365 * 24 * 3600 * 1000

/** The state of one target. A restored one is kept too, so that another instance does not revoke it again. */
export const Revocation = Type.Object({
  target: RevokeCommand,
  isRevoked: Type.Boolean(),
  at: Type.Integer({ description: 'time of the command, by the clock of the broker' }),
  until: Type.Integer({ description: 'no affected token lives longer; every copy of the entry has the same value' })
})
export type Revocation = Static<typeof Revocation>

export interface Revocations {
  /** Applies a command, which overrides what was known of its target. @param at milliseconds since 1970, by the broker's clock */
  revoke (target: RevokeCommand, at: number): void
  /** Takes a revocation back. @param at as for `revoke` */
  restore (target: RevokeCommand, at: number): void
  /** Merges an entry that another instance knows. */
  learn (revocation: Revocation): void
  isRevoked (identity: Identity): boolean
  /** All entries that still matter, in a fixed order. */
  known (): Revocation[]
}

export function createRevocations (settings: Settings, metrics: Metrics): Revocations {
  const maxMs = settings.TOKEN_MAX_SECONDS * 1000
  const entries = new Map<string, Revocation>()
  /** The revoked ones among them, indexed for lookup. */
  const tokens = new Set<string>()
  const users = new Map<string, Set<number>>()
  let sweptAt = 0

  function command (target: RevokeCommand, isRevoked: boolean, at: number): void {
    const name = nameOf(target)
    // A later command wins even if the clock went back in between.
    const after = Math.max(at, (entries.get(name)?.at ?? -1) + 1)
    // Affected tokens were issued before `issuedBefore`. It may lie in the future, but not arbitrarily far.
    const lastIssued = 'issuedBefore' in target ? Math.min(Math.max(at, target.issuedBefore), at + maxMs) : at
    put(name, { target, isRevoked, at: after, until: lastIssued + maxMs + CLOCK_STEP_MS })
  }

  function put (name: string, entry: Revocation): void {
    forgetOver()
    drop(name)
    entries.set(name, entry)
    const { target, isRevoked } = entry
    if (isRevoked) {
      if ('jti' in target) tokens.add(target.jti)
      else users.set(target.userId, (users.get(target.userId) ?? new Set()).add(target.issuedBefore))
    }
    metrics.revocations.set(tokens.size + users.size)
  }

  function drop (name: string): void {
    const entry = entries.get(name)
    if (entry === undefined) return
    entries.delete(name)
    const { target } = entry
    if ('jti' in target) {
      tokens.delete(target.jti)
    } else {
      const moments = users.get(target.userId)
      moments?.delete(target.issuedBefore)
      if (moments?.size === 0) users.delete(target.userId)
    }
  }

  function forgetOver (): void {
    const now = Date.now()
    if (Math.abs(now - sweptAt) < SWEEP_MS) return
    sweptAt = now
    for (const [name, { until }] of entries) if (until <= now) drop(name)
  }

  return {
    revoke: (target, at) => command(target, true, at),
    restore: (target, at) => command(target, false, at),

    learn (revocation) {
      const name = nameOf(revocation.target)
      const known = entries.get(name)
      const isLater = known === undefined || revocation.at > known.at || (revocation.at === known.at && revocation.isRevoked && !known.isRevoked)
      if (isLater && revocation.until > Date.now()) put(name, revocation)
    },

    isRevoked ({ sub, jti, issuedAt }) {
      if (jti !== undefined && tokens.has(jti)) return true
      const moments = users.get(sub)
      if (moments === undefined) return false
      for (const issuedBefore of moments) if (issuedAt < issuedBefore) return true
      return false
    },

    known () {
      const now = Date.now()
      return [...entries].filter(([, { until }]) => until > now).sort(([a], [b]) => a < b ? -1 : 1).map(([, entry]) => entry)
    }
  }
}

/**
 * The target of a revocation, without other fields.
 * @throws RoomcastError `request/invalid` if it names both a token and a user
 */
export function targetOf (given: RevokeCommand): RevokeCommand {
  if ('jti' in given && 'userId' in given) throw new RoomcastError('request/invalid', 'jti and userId: a request takes only one of them; send two requests.')
  return 'jti' in given ? { jti: given.jti } : { userId: given.userId, issuedBefore: given.issuedBefore }
}

/**
 * @throws RoomcastError `request/invalid` for an `issuedBefore` in another unit: it would revoke nothing, or lock a user
 *   out forever
 */
export function assertWithinReach (target: RevokeCommand, { TOKEN_MAX_SECONDS }: Settings, now = Date.now()): void {
  if (!('issuedBefore' in target)) return
  if (target.issuedBefore >= now - LONGEST_BACK_MS && target.issuedBefore <= now + TOKEN_MAX_SECONDS * 1000) return
  throw new RoomcastError('request/invalid', `issuedBefore: should be in milliseconds since 1970, from ten years ago to ${TOKEN_MAX_SECONDS} seconds (TOKEN_MAX_SECONDS) from now; this value is outside that range.`)
}

/** The longest time that a revocation can matter, in seconds: until the last affected token has expired. */
export function longestRevocation ({ TOKEN_MAX_SECONDS }: Settings): number {
  return 2 * TOKEN_MAX_SECONDS + CLOCK_STEP_MS / 1000
}

function nameOf (target: RevokeCommand): string {
  return JSON.stringify('jti' in target ? [target.jti] : [target.userId, target.issuedBefore])
}
