// Revoked tokens, in memory: the decision about every token is taken from here.
import type { Identity } from './identity.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { RevokeCommand } from '../wire/protocol.ts'

/** How often what is over is looked for. */
const SWEEP_MS = 60_000

export interface Revocations {
  /** @param until milliseconds since 1970; no token that it concerns lives longer */
  add (command: RevokeCommand, until: number): void
  isRevoked (identity: Identity): boolean
  /** All that still matter, to write them again. */
  all (): RevokeCommand[]
}

export function createRevocations (metrics: Metrics): Revocations {
  const tokens = new Map<string, number>()
  const users = new Map<string, { issuedBefore: number, until: number }>()

  let sweptAt = 0

  function forgetOver (now: number): void {
    if (now - sweptAt < SWEEP_MS) return
    sweptAt = now
    for (const [jti, until] of tokens) if (until <= now) tokens.delete(jti)
    for (const [userId, { until }] of users) if (until <= now) users.delete(userId)
  }

  return {
    add (command, until) {
      if ('jti' in command) {
        tokens.set(command.jti, until)
      } else {
        const { userId, issuedBefore } = command
        users.set(userId, { issuedBefore: Math.max(issuedBefore, users.get(userId)?.issuedBefore ?? 0), until })
      }
      forgetOver(Date.now())
      metrics.revocations.set(tokens.size + users.size)
    },
    isRevoked ({ sub, jti, issuedAt }) {
      const user = users.get(sub)
      return (jti !== undefined && tokens.has(jti)) || (user !== undefined && issuedAt < user.issuedBefore)
    },
    all: () => [
      ...[...tokens.keys()].map(jti => ({ jti })),
      ...[...users].map(([userId, { issuedBefore }]) => ({ userId, issuedBefore }))
    ]
  }
}
