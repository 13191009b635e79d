// Collects the commands of one turn of the event loop into one write: one system call, and Redis wakes up once.
import type { Duplex } from 'node:stream'
import type { Command, Redis } from 'ioredis'

export interface RedisTurn {
  /** Calls `give` at the end of this turn, right before the collected commands are written; its commands leave with them. */
  atEnd (give: () => void): void
}

/** The stream that ioredis writes a command to. */
type Target = Parameters<Redis['sendCommand']>[1]

/** Collects every command of the connection from now on. Commands keep their order. */
export function createRedisTurn (redis: Redis): RedisTurn {
  const sendNow = redis.sendCommand.bind(redis)
  let givers: Array<() => void> = []
  let stream: Duplex | undefined
  // One text, because several parts would be copied one by one.
  let text = ''
  let isEndDue = false

  const target = {
    write (part: string | Buffer) {
      // A new connection was made within this turn. Commands for the old one cannot be delivered any more.
      if (stream !== redis.stream) text = ''
      stream = redis.stream
      text += part.toString()
      schedule()
      return true
    }
  } as Target

  // While a connection is being set up, ioredis talks to Redis itself.
  redis.sendCommand = (command: Command, given?: Target) => sendNow(command, given ?? (redis.status === 'ready' ? target : undefined))

  /** Runs after all input of this turn has been handled. */
  function schedule (): void {
    if (isEndDue) return
    isEndDue = true
    setImmediate(end)
  }

  function end (): void {
    const due = givers
    givers = []
    for (const give of due) give()
    const left = text
    text = ''
    isEndDue = false
    if (left !== '' && stream?.writable === true) stream.write(left)
  }

  return {
    atEnd (give) {
      givers.push(give)
      schedule()
    }
  }
}
