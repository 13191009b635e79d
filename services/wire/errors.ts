// The one table of error codes, used by HTTP answers and socket acknowledgements alike.

interface CodeEntry {
  /** HTTP status of an answer with this code. */
  status: number
  /** Whether the same request may succeed later. */
  retryable: boolean
  /** What is wrong and what to do; the default message. */
  message: string
}

const codes = {
  'auth/missing-token': { status: 401, retryable: false, message: 'No token came with the request: send "Authorization: Bearer TOKEN", or auth.token in the Socket.IO handshake.' },
  'auth/invalid-token': { status: 401, retryable: false, message: 'The token is not valid here: get a new one from its issuer.' },
  'auth/token-expired': { status: 401, retryable: false, message: 'The token is over: get a new one and come again.' },
  'auth/token-revoked': { status: 401, retryable: false, message: 'The token was revoked: get a new one.' },
  'auth/token-not-yet-valid': { status: 503, retryable: true, message: 'The token begins later by the clock of this server: try again in a moment, and compare the clocks if that does not help.' },
  'auth/forbidden': { status: 403, retryable: false, message: 'The token does not allow this here: ask for one with the capability.' },
  'auth/foreign-origin': { status: 403, retryable: false, message: 'This origin may not connect: add it to CORS_ORIGINS.' },
  'auth/keys-unavailable': { status: 503, retryable: true, message: "The issuer's key for this token is not at hand yet: try again in a moment." },
  'auth/disconnected': { status: 401, retryable: false, message: 'An operator ended this connection.' },
  'auth/unsubscribed': { status: 403, retryable: false, message: 'An operator ended this subscription.' },
  'request/invalid': { status: 400, retryable: false, message: 'The request does not have the right form.' },
  'request/not-found': { status: 404, retryable: false, message: 'There is no such route: see the API description.' },
  'request/timeout': { status: 408, retryable: true, message: 'The request did not arrive in time: send it again.' },
  'publish/payload-too-large': { status: 413, retryable: false, message: 'The payload is over MAX_PAYLOAD_BYTES: send less, or a reference to the data.' },
  'presence/state-too-large': { status: 413, retryable: false, message: 'The presence state is over PRESENCE_STATE_BYTES: send less.' },
  'limit/event-rate': { status: 429, retryable: true, message: 'Too many events from this socket: send fewer per second.' },
  'limit/publish-rate': { status: 429, retryable: true, message: 'Too many publishes with this token: send fewer per second.' },
  'limit/read-rate': { status: 429, retryable: true, message: 'Too many requests for history or presence with this token: send fewer per second.' },
  'limit/rooms-per-instance': { status: 503, retryable: true, message: 'This instance follows as many rooms as it may: connect again, to another one, or try again in a moment.' },
  'limit/command-rate': { status: 429, retryable: true, message: 'Too many commands with this token: send fewer per second.' },
  'limit/question-rate': { status: 429, retryable: true, message: 'Too many questions about rooms, sessions or instances with this token: send fewer per second.' },
  'limit/rooms-per-socket': { status: 429, retryable: true, message: 'This socket is in as many rooms as it may be: leave one first.' },
  'limit/sockets-per-user': { status: 429, retryable: true, message: 'This user has as many connections as one may have: close one first.' },
  'limit/sockets-per-instance': { status: 503, retryable: true, message: 'This instance is full: connect again, to another one.' },
  'limit/connection-rate': { status: 429, retryable: true, message: 'Too many new connections at once: try again in a moment.' },
  'limit/slow-client': { status: 429, retryable: true, message: 'The client did not read what was sent to it: connect again and recover.' },
  'limit/auth-time': { status: 429, retryable: true, message: 'The connection was not authenticated in time: send the token with the handshake, right after connecting.' },
  'limit/control-frame-rate': { status: 429, retryable: true, message: 'Too many WebSocket pings or pongs from this client: send fewer per second.' },
  'history/insufficient': { status: 409, retryable: true, message: 'History no longer reaches where this client stopped: load the state anew and subscribe again.' },
  'broker/unavailable': { status: 503, retryable: true, message: 'The broker is away, and nothing was published: try again in a moment.' },
  'broker/timeout': { status: 503, retryable: true, message: 'The broker did not answer in time and may or may not have it: send it again with the same id.' },
  'server/draining': { status: 503, retryable: true, message: 'This instance is going away: connect again, to another one.' },
  'server/not-ready': { status: 503, retryable: true, message: 'This instance is not ready yet: try again in a moment.' },
  'server/internal': { status: 500, retryable: true, message: 'Something went wrong on our side; the log has the details.' }
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

/** A retry makes sense after so long. */
const RETRY_AFTER_SECONDS = '1'

/** An error that may be shown to a caller; everything else is `server/internal` to the outside. */
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

  /** What goes with the status of an HTTP answer (RFC 9110, 10.2.3 and 11.6.1). */
  headers (): Record<string, string> {
    return {
      ...this.status === 429 || this.status === 503 ? { 'Retry-After': RETRY_AFTER_SECONDS } : {},
      ...this.status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}
    }
  }

  /** The error as the outside sees it. */
  toBody (): ErrorBody {
    return { code: this.code, name: this.name, message: this.message, retryable: this.retryable }
  }
}

/** `publish/payload-too-large` → `PayloadTooLargeError`. */
function nameOf (code: ErrorCode): string {
  const words = code.slice(code.indexOf('/') + 1).split('-')
  return `${words.map(word => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('')}Error`
}

/** Any thrown value as an error that may be shown: what we did not make ourselves says nothing about the inside. */
export function toRoomcastError (error: unknown): RoomcastError {
  return error instanceof RoomcastError
    ? error
    : new RoomcastError('server/internal', undefined, { cause: error })
}
