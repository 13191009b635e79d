// Publishes of one turn of the event loop to one slot become one call of the script, and share its cost.
import { ReplyError } from 'ioredis'
import type { RedisCalls } from './redis-calls.ts'
import type { RedisIdentity } from './redis-identity.ts'
import type { RedisTurn } from './redis-turn.ts'
import { emptyRoomSeconds, type Retention } from './retention.ts'

/** Limits of one call: Redis does nothing else while a script runs. */
const MAX_UPDATES = 100
const MAX_LENGTH = 1_048_576

export interface RedisPublish {
  kind: 'update' | 'once' | 'ephemeral'
  /** The keys of meta and log, and of the receipt if the kind is `once`. */
  keys: string[]
  channel: string
  /** The publisher's part of the envelope. */
  body: string
  retention: Retention
  /** Milliseconds by Redis' clock. After it, nothing is published. */
  deadline: number
  /** A call names keys of one slot. */
  slot: number
}

export type RedisPublished =
  | { outcome: 'late', time: number }
  | { outcome: 'new' | 'known', time: number, epoch: string, offset: number, instances: number }

export type PublishInTurn = (redis: RedisCalls, identity: RedisIdentity, update: RedisPublish) => Promise<RedisPublished>

interface Batch {
  redis: RedisCalls
  identity: RedisIdentity
  retention: Retention
  /** The earliest deadline of its updates. */
  deadline: number
  keys: string[]
  args: string[]
  length: number
  waiting: Array<{ resolve: (published: RedisPublished) => void, reject: (error: unknown) => void }>
}

/** Updates keep their order, and each can fail on its own. */
export function createRedisPublishes ({ turn, receiptSeconds, newEpoch }: {
  turn: RedisTurn, receiptSeconds: number, newEpoch: () => string
}): PublishInTurn {
  /** Of this turn, by slot. */
  const open = new Map<number, Batch>()

  return (redis, identity, update) => new Promise((resolve, reject) => {
    const batch = batchFor(redis, identity, update)
    batch.deadline = Math.min(batch.deadline, update.deadline)
    batch.keys.push(...update.keys)
    batch.args.push(update.kind, update.channel, update.body)
    batch.length += update.body.length
    batch.waiting.push({ resolve, reject })
  })

  function batchFor (redis: RedisCalls, identity: RedisIdentity, { slot, retention, deadline, body }: RedisPublish): Batch {
    const known = open.get(slot)
    if (known !== undefined && known.identity === identity && known.retention === retention &&
      known.waiting.length < MAX_UPDATES && known.length + body.length <= MAX_LENGTH) return known
    if (open.size === 0) turn.atEnd(sendAll)
    if (known !== undefined) send(known)
    const batch = { redis, identity, retention, deadline, keys: [], args: [], length: 0, waiting: [] }
    open.set(slot, batch)
    return batch
  }

  function sendAll (): void {
    const batches = [...open.values()]
    open.clear()
    for (const batch of batches) send(batch)
  }

  function send ({ redis, identity, retention, deadline, keys, args, waiting }: Batch): void {
    redis.publishUpdates(
      keys.length, ...keys, identity.runId, identity.whole, newEpoch(), emptyRoomSeconds(retention),
      deadline, retention.historySize, retention.historySeconds, receiptSeconds, retention.roomSeconds, ...args
    ).then(answers => settle(waiting, answers as string[]), (error: unknown) => {
      for (const { reject } of waiting) reject(error)
    })
  }
}

function settle (waiting: Batch['waiting'], [first, ...answers]: string[]): void {
  if (first === 'late') {
    for (const { resolve } of waiting) resolve({ outcome: 'late', time: Number(answers[0]) })
    return
  }
  for (const [i, { resolve, reject }] of waiting.entries()) {
    const answer = answers[i] as string
    if (answer.startsWith(FAILED)) {
      // The suffix that Redis adds to an error in a script.
      reject(new ReplyError(`${answer.slice(FAILED.length)} script: publish`))
    } else {
      // An update whose script failed before it had published has no instances.
      const [, outcome, epoch, offset, instances = 0] = OUTCOME.exec(answer) as unknown as string[]
      resolve({ outcome: outcome as 'new' | 'known', time: Number(first), epoch: epoch as string, offset: Number(offset), instances: Number(instances) })
    }
  }
}

const FAILED = 'failed '
const OUTCOME = /^(\w+) (\S+) (\d+)(?: (\d+))?/
