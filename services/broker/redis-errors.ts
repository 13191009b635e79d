// Classifies an error of Redis: whether the command was executed, and whether this is the right server.
import { ReplyError } from 'ioredis'
import { RoomcastError } from '../wire/errors.ts'

export interface RedisFault {
  /**
   * `nothing`: Redis refused the command before its first write. `maybe`: some or all of a script may have run;
   * scripts are not rolled back.
   */
  executed: 'nothing' | 'maybe'
  /**
   * `wrong`: the master is elsewhere, search for it at once. `right`: another connection would get the same answer.
   * `unknown`: reconnect if no other answers come.
   */
  server: 'wrong' | 'right' | 'unknown'
}

/** `inScript` replaces `executed` if a command within a script got the error. */
interface Row extends RedisFault {
  inScript?: RedisFault['executed']
}

/** A script gets these errors at its first write or never, so nothing was written before. */
const refused = (server: RedisFault['server']): Row => ({ executed: 'nothing', server })

/** Keyed by the first word of the reply. After an error that is not listed, the command may have been executed. */
const rows: Readonly<Record<string, Row>> = {
  // Another server is the master now.
  READONLY: refused('wrong'),
  MASTERDOWN: refused('wrong'),
  // A state of this server that passes, or that an operator repairs.
  OOM: refused('right'),
  MISCONF: refused('right'),
  BUSY: refused('right'),
  UNKILLABLE: refused('right'),
  NOREPLICAS: refused('unknown'),
  LOADING: refused('unknown'),
  // redis-calls.ts sends an unknown script again with its text; this is about the second failure.
  NOSCRIPT: refused('unknown'),
  // Authentication and permissions. A permission can be missing for a command in the middle of a script.
  NOAUTH: refused('unknown'),
  WRONGPASS: refused('unknown'),
  DENIED: refused('unknown'),
  NOPERM: { ...refused('unknown'), inScript: 'maybe' },
  // In a cluster, the keys are on another node or are being moved.
  MOVED: refused('unknown'),
  ASK: refused('right'),
  TRYAGAIN: refused('right'),
  CROSSSLOT: refused('right'),
  CLUSTERDOWN: refused('right')
}

/** Redis 6.2 puts these before an error in a script: one prefix per call level, and the dash of the protocol. */
const WRAPPING = /^(?:ERR Error running script \(call to \w+\): |@?user_script: ?\d+: |-)+/
/** Redis 7 puts these after the error, or inside it. */
const IN_SCRIPT = /@?user_script|\bscript: \w+|\bin script\b/

/** The message of ioredis for a command that it did not send. */
const NOT_SENT = "Stream isn't writeable"

export function readRedisFault (error: unknown): RedisFault {
  const text = error instanceof Error ? error.message : ''
  if (text.startsWith(NOT_SENT)) return { executed: 'nothing', server: 'unknown' }
  const row = error instanceof ReplyError ? rows[firstWord(text)] : undefined
  if (row === undefined) return { executed: 'maybe', server: 'unknown' }
  const { executed, inScript = executed, server } = row
  return { executed: IN_SCRIPT.test(text) ? inScript : executed, server }
}

function firstWord (reply: string): string {
  return /^[A-Z]+/.exec(reply.replace(WRAPPING, ''))?.[0] ?? ''
}

/**
 * The error for the caller.
 * @param kind the state when it is unknown whether the command ran: a `read` changed nothing, a `write` may have run
 */
export function toBrokerError (error: unknown, kind: 'read' | 'write'): RoomcastError {
  if (error instanceof RoomcastError) return error
  const isInDoubt = kind === 'write' && readRedisFault(error).executed === 'maybe'
  return new RoomcastError(isInDoubt ? 'broker/timeout' : 'broker/unavailable', undefined, { cause: withoutCommand(error) })
}

/** Removes the command that ioredis attaches to an error: logging it would reveal passwords, key names and payloads. */
export function withoutCommand<T> (error: T): T {
  if (typeof error === 'object' && error !== null && 'command' in error) delete error.command
  return error
}

/** A short description for the log. Cuts off the arguments that Redis quotes from an unknown command. */
export function describeRedisError (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return (error as NodeJS.ErrnoException).code ?? error.message.replace(/,? with args beginning with:[^]*/, '')
}
