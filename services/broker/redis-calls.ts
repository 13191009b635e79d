// Calls scripts over one connection by their hash, or with their text if Redis does not know them yet. Calls keep their
// order even if Redis forgets its scripts while they are under way, as after SCRIPT FLUSH.
import { Command, type Redis } from 'ioredis'
import type { RedisScript, RedisScripts } from './redis-scripts.ts'

type Argument = string | number
export type RedisCalls = Record<keyof RedisScripts, (...args: Argument[]) => Promise<unknown>>

/** A waiting call. */
interface Held {
  send: () => void
  reject: (error: unknown) => void
}

/** The state of one connection; replaced when the connection closes. */
interface Connection {
  known: Set<RedisScript>
  unanswered: number
  /** Set while calls wait for all others to be answered: first those whose script was missing, then later ones. */
  held: { missing: Held[], later: Held[], error: unknown } | undefined
}

export function createRedisCalls (redis: Redis, scripts: RedisScripts): RedisCalls {
  let connection = begin()

  redis.on('close', () => {
    const { held } = connection
    connection.held = undefined
    connection = begin()
    for (const { reject } of [...held?.missing ?? [], ...held?.later ?? []]) reject(held?.error)
  })

  function begin (): Connection {
    return { known: new Set(), unanswered: 0, held: undefined }
  }

  function call (script: RedisScript, args: Argument[]): Promise<unknown> {
    return connection.held === undefined ? send(script, args, connection) : wait(connection.held.later, script, args, connection)
  }

  function send (script: RedisScript, args: Argument[], on: Connection): Promise<unknown> {
    const isKnown = on.known.has(script)
    on.known.add(script)
    on.unanswered++
    const command = new Command(isKnown ? 'evalsha' : 'eval', [isKnown ? script.hash : script.lua, ...args], { replyEncoding: 'utf8' })
    return (redis.sendCommand(command) as Promise<unknown>).then(answer => {
      settle(on)
      return answer
    }, (error: unknown) => {
      const isToRepeat = isKnown && isMissing(error) && on === connection
      const repeated = isToRepeat ? wait(hold(error, on), script, args, on) : Promise.reject(error)
      settle(on)
      return repeated
    })
  }

  function hold (error: unknown, on: Connection): Held[] {
    on.known.clear()
    on.held ??= { missing: [], later: [], error }
    return on.held.missing
  }

  function wait (line: Held[], script: RedisScript, args: Argument[], on: Connection): Promise<unknown> {
    return new Promise((resolve, reject) => {
      line.push({ reject, send: () => { send(script, args, on).then(resolve, reject) } })
    })
  }

  /** Records an answer. When no call is unanswered, the waiting calls are sent in order. */
  function settle (on: Connection): void {
    on.unanswered--
    if (on.held === undefined || on.unanswered > 0) return
    const { missing, later } = on.held
    on.held = undefined
    for (const { send } of [...missing, ...later]) send()
  }

  return Object.fromEntries(Object.entries(scripts).map(([name, script]) => {
    const { numberOfKeys } = script
    return [name, (...args: Argument[]) => call(script, numberOfKeys === undefined ? args : [numberOfKeys, ...args])]
  })) as RedisCalls
}

function isMissing (error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}
