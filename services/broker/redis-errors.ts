// What an error of Redis says about the command: executed or not, and whether this server is the right one to ask.
import { ReplyError } from 'ioredis'
import { RoomcastError } from '../wire/errors.ts'

export interface RedisFault {
  /**
   * `nothing`: Redis refused it before its first write. `maybe`: some of a script may have run, or all of it; no
   * script is rolled back.
   */
  executed: 'nothing' | 'maybe'
  /**
   * `wrong`: the master is elsewhere, look for it at once. `right`: another connection would hear the same.
   * `unknown`: connect anew if this is all that comes.
   */
  server: 'wrong' | 'right' | 'unknown'
}

/** `refusal` counts for the command as a whole; `inScript` where the error was met by a command of a script. */
interface Row extends RedisFault {
  inScript?: RedisFault['executed']
}

/** A script meets these at its first write or not at all: no write of ours came before. */
const refused = (server: RedisFault['server']): Row => ({ executed: 'nothing', server })

/** By the first word of the reply. What is not here may have been executed. */
const rows: Readonly<Record<string, Row>> = {
  // Another server is the master now.
  READONLY: refused('wrong'),
  MASTERDOWN: refused('wrong'),
  // The state of this one, which passes or is mended.
  OOM: refused('right'),
  MISCONF: refused('right'),
  BUSY: refused('right'),
  UNKILLABLE: refused('right'),
  NOREPLICAS: refused('unknown'),
  LOADING: refused('unknown'),
  // A script that is not known is sent again as a whole, by ioredis; this is about the second time.
  NOSCRIPT: refused('unknown'),
  // Who we are, and what we may do. A right can be missing for a command in the middle of a script.
  NOAUTH: refused('unknown'),
  WRONGPASS: refused('unknown'),
  DENIED: refused('unknown'),
  NOPERM: { ...refused('unknown'), inScript: 'maybe' },
  // The keys are elsewhere in a cluster, or are just being moved.
  MOVED: refused('unknown'),
  ASK: refused('right'),
  TRYAGAIN: refused('right'),
  CROSSSLOT: refused('right'),
  CLUSTERDOWN: refused('right')
}

/** Redis 6.2 puts these before the error that a script met: each place that it passed, and the dash of the protocol. */
const WRAPPING = /^(?:ERR Error running script \(call to \w+\): |@?user_script: ?\d+: |-)+/
/** Redis 7 puts these behind it, or in it. */
const IN_SCRIPT = /@?user_script|\bscript: \w+|\bin script\b/

/** ioredis' own words for a command that it did not send. */
const NOT_SENT = "Stream isn't writeable"

export function readRedisFault (error: unknown): RedisFault {
  const text = error instanceof Error ? error.message : ''
  if (text.startsWith(NOT_SENT)) return { executed: 'nothing', server: 'unknown' }
  const row = error instanceof ReplyError ? rows[firstWord(text)] : undefined
  if (row === undefined) return { executed: 'maybe', server: 'unknown' }
  const { executed, inScript = executed, server } = row
  return { executed: IN_SCRIPT.test(text) ? inScript : executed, server }
}

/** How a cluster says that it did nothing: the slot is served by another node, or is just being moved to one. */
export type Redirect = 'elsewhere' | 'moving'

/** @param error of ioredis, or ours with that as its cause */
export function readRedirect (error: unknown): Redirect | undefined {
  const reply = error instanceof RoomcastError ? error.cause : error
  if (!(reply instanceof ReplyError)) return undefined
  const word = firstWord((reply as Error).message)
  return word === 'MOVED' ? 'elsewhere' : word === 'ASK' || word === 'TRYAGAIN' ? 'moving' : undefined
}

function firstWord (reply: string): string {
  return /^[A-Z]+/.exec(reply.replace(WRAPPING, ''))?.[0] ?? ''
}

/**
 * The error that a caller gets.
 * @param kind what may have happened where that is not known: a `read` changed nothing, a `write` is in doubt
 */
export function toBrokerError (error: unknown, kind: 'read' | 'write'): RoomcastError {
  if (error instanceof RoomcastError) return error
  const isInDoubt = kind === 'write' && readRedisFault(error).executed === 'maybe'
  return new RoomcastError(isInDoubt ? 'broker/timeout' : 'broker/unavailable', undefined, { cause: withoutCommand(error) })
}

/** ioredis hangs the command on its error, and with it passwords, names of keys and payloads: whoever logs it would show them. */
export function withoutCommand<T> (error: T): T {
  if (typeof error === 'object' && error !== null && 'command' in error) delete error.command
  return error
}

/** An error in a few words for the log. Redis quotes the arguments of a command that it does not know. */
export function describeRedisError (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return (error as NodeJS.ErrnoException).code ?? error.message.replace(/,? with args beginning with:[^]*/, '')
}
