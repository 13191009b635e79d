// Collaborators: what others in a room see of a user, built from the user's sessions there.
import { createHash } from 'node:crypto'
import type { Identity } from '../access/identity.ts'
import type { PresenceEntry } from '../broker/broker.ts'
import type { Collaborator } from '../wire/protocol.ts'

/** Sessions by socket id. */
export type PresenceSessions = Map<string, PresenceEntry>

/** Combines the sessions of one user. The newest session provides the name and picture. */
export function collaborator (entries: PresenceEntry[]): Collaborator {
  const { person } = entries.at(-1) as PresenceEntry
  return { ...person, sessions: entries.map(({ socketId, state = null }) => ({ id: socketId, state })) }
}

/** What others see of a user, from the token. */
export function describe ({ sub, name, email, picture }: Identity, isEmailShared: boolean): PresenceEntry['person'] {
  return {
    userId: sub,
    displayName: name ?? sub,
    ...isEmailShared && email !== undefined ? { email } : {},
    photoURL: picture !== undefined && /^https?:\/\//.test(picture) ? picture : null,
    color: colorOf(sub)
  }
}

/** A color from a hash of the user id, so that it is the same everywhere. Readable on light and dark. */
export function colorOf (userId: string): string {
  const hue = createHash('sha256').update(userId).digest().readUInt16BE(0) % 360
  const [saturation, lightness] = [0.65, 0.5]
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12
    const value = lightness - saturation * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(k - 3, 9 - k, 1))
    return Math.round(255 * value).toString(16).padStart(2, '0')
  }
  return `#${channel(0)}${channel(8)}${channel(4)}`
}
