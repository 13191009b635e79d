// Writes to one slot of a cluster wait in line. If a node executed nothing because the slot moves, they are sent again in
// their order, and no later write overtakes them.
import { performance } from 'node:perf_hooks'
import { RoomcastError } from '../wire/errors.ts'
import type { RoomKey } from '../wire/rooms.ts'
import { readRedirect, type Redirect } from './redis-errors.ts'
import type { RedisPending } from './redis-pending.ts'

export interface RedisWrite<Shard, T> {
  slot: number
  room: RoomKey
  send: (shard: Shard) => Promise<T>
  /** By performance.now(). */
  deadline: number
  bytes: number
}

export interface RedisLines<Shard> {
  /** @throws RoomcastError as `send` does; `broker/unavailable` if no shard accepted it by the deadline */
  run<T> (write: RedisWrite<Shard, T>): Promise<T>
}

interface Job<Shard> extends RedisWrite<Shard, unknown> {
  resolve: (answer: unknown) => void
  reject: (error: unknown) => void
}

/** A slot with unanswered writes. */
interface Line<Shard> {
  shard: Shard | undefined
  unanswered: number
  /** While true, nothing is sent until all writes are answered. */
  isHeld: boolean
  redirect: Redirect | undefined
  /** Writes that were sent and not executed. */
  missed: Array<Job<Shard>>
  later: Array<Job<Shard>>
  /** Rooms in which a later write was executed while an earlier one was not. */
  passed: Set<RoomKey>
}

export function createRedisLines<Shard> ({ ownerOf, redirected, waiting }: {
  ownerOf: (slot: number) => Shard | undefined
  /** Resolves when the slot can be asked again. */
  redirected: (redirect: Redirect, slot: number, shard: Shard) => Promise<void>
  /** Bounds the writes that wait in line. */
  waiting: RedisPending
}): RedisLines<Shard> {
  const lines = new Map<number, Line<Shard>>()

  function lineOf (slot: number): Line<Shard> {
    let line = lines.get(slot)
    if (line === undefined) {
      line = { shard: undefined, unanswered: 0, isHeld: false, redirect: undefined, missed: [], later: [], passed: new Set() }
      lines.set(slot, line)
    }
    return line
  }

  function send (line: Line<Shard>, job: Job<Shard>): void {
    const shard = ownerOf(job.slot)
    if (shard === undefined || performance.now() >= job.deadline) {
      job.reject(new RoomcastError('broker/unavailable'))
      return
    }
    line.shard = shard
    line.unanswered++
    job.send(shard).then(answer => {
      if (line.missed.length > 0) line.passed.add(job.room)
      job.resolve(answer)
      settle(line, job.slot)
    }, (error: unknown) => {
      const redirect = readRedirect(error)
      if (redirect === undefined) {
        job.reject(error)
      } else {
        line.redirect = redirect
        hold(line, line.missed, job)
      }
      settle(line, job.slot)
    })
  }

  function hold (line: Line<Shard>, queue: Array<Job<Shard>>, job: Job<Shard>): void {
    line.isHeld = true
    try {
      waiting.take(job.bytes)
      queue.push(job)
    } catch (error) {
      job.reject(error)
    }
  }

  function settle (line: Line<Shard>, slot: number): void {
    line.unanswered--
    if (line.unanswered > 0) return
    if (line.isHeld) void release(line, slot)
    else dropIfEmpty(line, slot)
  }

  function dropIfEmpty (line: Line<Shard>, slot: number): void {
    if (line.unanswered === 0 && !line.isHeld) lines.delete(slot)
  }

  async function release (line: Line<Shard>, slot: number): Promise<void> {
    const { shard, redirect } = line
    if (redirect !== undefined && shard !== undefined) await redirected(redirect, slot, shard)
    const { missed, later, passed } = line
    Object.assign(line, { isHeld: false, redirect: undefined, missed: [], later: [], passed: new Set() })
    for (const { bytes } of [...missed, ...later]) waiting.release(bytes)
    for (const job of missed) {
      // A retry would come after a later write of its room.
      if (passed.has(job.room)) job.reject(new RoomcastError('broker/unavailable'))
      else send(line, job)
    }
    for (const job of later) send(line, job)
    dropIfEmpty(line, slot)
  }

  return {
    run: <T>(write: RedisWrite<Shard, T>) => new Promise<T>((resolve, reject) => {
      const job = { ...write, resolve: resolve as Job<Shard>['resolve'], reject }
      const line = lineOf(write.slot)
      if (line.isHeld || (line.unanswered > 0 && line.shard !== ownerOf(write.slot))) hold(line, line.later, job)
      else send(line, job)
      dropIfEmpty(line, write.slot)
    })
  }
}
