// Commands to Redis of one turn of the event loop leave in one write: it wakes Redis once, and is one system call.
import type { Duplex } from 'node:stream'
import type { Command, Redis } from 'ioredis'

export interface RedisTurn {
  /** `give` is called at the end of this turn, right before what was collected leaves: its commands leave with it. */
  atEnd (give: () => void): void
}

/** What ioredis writes a command to. */
type Target = Parameters<Redis['sendCommand']>[1]

/** From now on, every command of the connection is collected: their order stays the one in which they were given. */
export function createRedisTurn (redis: Redis): RedisTurn {
  const sendNow = redis.sendCommand.bind(redis)
  let givers: Array<() => void> = []
  let stream: Duplex | undefined
  // One text: several would be copied one by one.
  let text = ''
  let isEndDue = false

  const target = {
    write (part: string | Buffer) {
      // Another connection has been made within this turn; what the one before has not got, it never will.
      if (stream !== redis.stream) text = ''
      stream = redis.stream
      text += part.toString()
      schedule()
      return true
    }
  } as Target

  // While a connection is being made, ioredis speaks to Redis itself.
  redis.sendCommand = (command: Command, given?: Target) => sendNow(command, given ?? (redis.status === 'ready' ? target : undefined))

  /** After all that came in with this turn has been handled. */
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
