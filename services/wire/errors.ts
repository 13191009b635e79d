// The one table of error codes, used by HTTP answers and socket acknowledgements alike.

interface CodeEntry {
  /** HTTP status of an answer with this code. */
  status: number
  /** Whether the same request can succeed later. */
  retryable: boolean
  /** The default message: what is wrong, and what to do. */
  message: string
}

const codes = {
  'auth/missing-token': { status: 401, retryable: false, message: 'The request carries no token: send "Authorization: Bearer TOKEN", or auth.token in the Socket.IO handshake.' },
  'auth/invalid-token': { status: 401, retryable: false, message: 'The token is not valid for this service: get a new one from its issuer.' },
  'auth/token-expired': { status: 401, retryable: false, message: 'The token has expired: get a new one and reconnect.' },
  'auth/token-revoked': { status: 401, retryable: false, message: 'The token has been revoked: get a new one.' },
  'auth/token-not-yet-valid': { status: 503, retryable: true, message: 'The token is not valid yet by the clock of this server: try again in a moment, and compare the clocks if that does not help.' },
  'auth/forbidden': { status: 403, retryable: false, message: 'The token does not allow this action: get a token with the capability.' },
  'auth/foreign-origin': { status: 403, retryable: false, message: 'This origin may not connect: add it to CORS_ORIGINS.' },
  'auth/keys-unavailable': { status: 503, retryable: true, message: "The issuer's key for this token is not available yet: try again in a moment." },
  'auth/disconnected': { status: 401, retryable: false, message: 'An operator ended this connection: reconnect only if the user asks for it.' },
  'auth/unsubscribed': { status: 403, retryable: false, message: 'An operator ended this subscription: subscribe again only if the user asks for it.' },
  'request/invalid': { status: 400, retryable: false, message: 'The request does not have the right form: compare it with the API description.' },
  'request/not-found': { status: 404, retryable: false, message: 'There is no such route: see the API description.' },
  'request/timeout': { status: 408, retryable: true, message: 'The request did not arrive in time: send it again.' },
  'publish/payload-too-large': { status: 413, retryable: false, message: 'The payload is larger than MAX_PAYLOAD_BYTES: send less data, or a reference to it.' },
  'presence/state-too-large': { status: 413, retryable: false, message: 'The presence state is larger than PRESENCE_STATE_BYTES: send less data.' },
  'limit/event-rate': { status: 429, retryable: true, message: 'Too many events from this socket: send fewer per second.' },
  'limit/publish-rate': { status: 429, retryable: true, message: 'Too many publishes with this token: send fewer per second.' },
  'limit/read-rate': { status: 429, retryable: true, message: 'Too many requests for history or presence with this token: send fewer per second.' },
  'limit/rooms-per-instance': { status: 503, retryable: true, message: 'This instance has reached its limit of rooms (MAX_ROOMS): reconnect to another instance, or try again in a moment.' },
  'limit/command-rate': { status: 429, retryable: true, message: 'Too many commands with this token: send fewer per second.' },
  'limit/question-rate': { status: 429, retryable: true, message: 'Too many questions about rooms, sessions or instances with this token: send fewer per second.' },
  'limit/rooms-per-socket': { status: 429, retryable: true, message: 'This socket has reached its limit of rooms (MAX_ROOMS_PER_SOCKET): leave a room first.' },
  'limit/sockets-per-user': { status: 429, retryable: true, message: 'This user has reached the limit of connections (MAX_SOCKETS_PER_USER): close one first.' },
  'limit/sockets-per-instance': { status: 503, retryable: true, message: 'This instance has reached its limit of connections (MAX_SOCKETS): reconnect to another instance.' },
  'limit/connection-rate': { status: 429, retryable: true, message: 'Too many new connections at once: try again in a moment.' },
  'limit/slow-client': { status: 429, retryable: true, message: 'The client did not read what was sent to it: reconnect and recover.' },
  'limit/auth-time': { status: 429, retryable: true, message: 'The connection was not authenticated in time: send the token with the handshake, right after connecting.' },
  'limit/control-frame-rate': { status: 429, retryable: true, message: 'Too many WebSocket pings or pongs from this client: send fewer per second.' },
  'history/insufficient': { status: 409, retryable: true, message: 'The history no longer reaches back to where this client stopped: load the current state and subscribe again.' },
  'broker/unavailable': { status: 503, retryable: true, message: 'Redis is unavailable, and nothing was published: try again in a moment.' },
  'broker/timeout': { status: 503, retryable: true, message: 'Redis did not answer in time, and the update may or may not be published: send it again with the same id.' },
  'server/draining': { status: 503, retryable: true, message: 'This instance is shutting down: reconnect to another instance.' },
  'server/not-ready': { status: 503, retryable: true, message: 'This instance is not ready yet: try again in a moment.' },
  'server/internal': { status: 500, retryable: true, message: 'The service failed to handle the request: try again in a moment; its log has the details.' }
} satisfies Record<string, CodeEntry>

export type ErrorCode = keyof typeof codes
export const errorCodes: Readonly<Record<ErrorCode, Readonly<CodeEntry>>> = codes

/** What a client sees of an error: the `error` of an answer, the `data` of a `connect_error`. */
export interface ErrorBody {
  code: ErrorCode
  name: string
  message: string
  retryable: boolean
}

/** How long a caller should wait before a retry, in seconds. */
const RETRY_AFTER_SECONDS = '1'

/** An error that may be shown to a caller. A caller sees every other error as `server/internal`. */
export class RoomcastError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly retryable: boolean

  constructor (code: ErrorCode, message: string = codes[code].message, options?: ErrorOptions) {
    super(message, options)
    this.name = nameOf(code)
    this.code = code
    this.status = codes[code].status
    this.retryable = codes[code].retryable
  }

  /** The headers that belong to the status (RFC 9110, sections 10.2.3 and 11.6.1). */
  headers (): Record<string, string> {
    return {
      ...this.status === 429 || this.status === 503 ? { 'Retry-After': RETRY_AFTER_SECONDS } : {},
      ...this.status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}
    }
  }

  /** The error as a caller sees it. */
  toBody (): ErrorBody {
    return { code: this.code, name: this.name, message: this.message, retryable: this.retryable }
  }
}

/** `publish/payload-too-large` → `PayloadTooLargeError`. */
function nameOf (code: ErrorCode): string {
  const words = code.slice(code.indexOf('/') + 1).split('-')
  return `${words.map(word => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('')}Error`
}

/** Turns any thrown value into an error that may be shown. A foreign error could reveal internals, so it becomes `server/internal`. */
export function toRoomcastError (error: unknown): RoomcastError {
  return error instanceof RoomcastError
    ? error
    : new RoomcastError('server/internal', undefined, { cause: error })
}
