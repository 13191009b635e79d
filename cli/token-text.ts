// Describes a token: its user, its expiry and its capabilities.
import { createDecoder } from 'fast-jwt'
import { readIdentity, type Identity } from '../services/access/identity.ts'
import { RoomcastError } from '../services/wire/errors.ts'
import { CommandError } from './command.ts'

const MINUTE_MS = 60_000
const ANY_TIME = { TOKEN_MAX_SECONDS: Infinity, CLOCK_TOLERANCE_SECONDS: Infinity }

/** Reads a token without checking its signature. @throws CommandError if it is not a token for Roomcast */
export function decodeToken (token: string): Identity {
  try {
    // Accepts any age and lifetime, because the reader wants to see them.
    return readIdentity(createDecoder()(token), ANY_TIME, -1)
  } catch (error) {
    throw new CommandError(`this is not a token for Roomcast: ${error instanceof RoomcastError ? error.message : 'it should be three parts of base64url with dots between them.'}`, { cause: error })
  }
}

export function tokenText ({ sub, name, jti, expiresAt, issuedAt, validFrom, capabilities }: Identity): string {
  const may = Object.entries(capabilities).map(([resource, actions]) => `${resource}: ${actions.join(', ')}`)
  const rows: Array<[string, string]> = [
    ['who', name === undefined ? sub : `${sub} (${name})`],
    ['until', `${new Date(expiresAt).toISOString()} (${relative(expiresAt)})`],
    ...validFrom > Date.now() ? [['from', `${new Date(validFrom).toISOString()}: not yet valid`] as [string, string]] : [],
    ['issued', issuedAt === 0 ? 'the token does not say' : new Date(issuedAt).toISOString()],
    ['id', jti ?? 'none: it can be revoked only with all others of its user'],
    ['may', may.length === 0 ? 'nothing: it has no capabilities' : may.join('\n        ')]
  ]
  return rows.map(([word, text]) => `${word.padEnd(8)}${text}`).join('\n')
}

function relative (time: number): string {
  const ms = time - Date.now()
  const minutes = Math.floor(Math.abs(ms) / MINUTE_MS)
  const span = minutes < 120 ? `${minutes} min` : minutes < 2880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`
  return ms > 0 ? `in ${span}` : `it ended ${span} ago`
}
