// Commands to Redis of one turn of the event loop leave in one write: it wakes Redis once, and is one system call.
import type { Duplex } from 'node:stream'
import type { Command, Redis } from 'ioredis'

/** What ioredis writes a command to. */
type Target = Parameters<Redis['sendCommand']>[1]

/** From now on; for every command of the connection, so that their order stays the one in which they were given. */
export function writeByTurn (redis: Redis): void {
  const send = redis.sendCommand.bind(redis)
  let turn: { stream: Duplex, target: Target } | undefined

  // While a connection is being made, ioredis speaks to Redis itself.
  redis.sendCommand = (command: Command, target?: Target) => send(command, target ?? (redis.status === 'ready' ? collect(redis.stream) : undefined))

  function collect (stream: Duplex): Target {
    // A connection that was made anew within this turn begins one of its own.
    if (turn?.stream === stream) return turn.target
    let text = ''
    const target = {
      write (part: string | Buffer) {
        // Several strings would be copied one by one, a single one is not.
        text += part.toString()
        return true
      }
    } as Target
    const begun = { stream, target }
    turn = begun
    // After all that came in with this turn has been handled.
    setImmediate(() => {
      if (turn === begun) turn = undefined
      if (text !== '' && stream.writable) stream.write(text)
    })
    return target
  }
}
