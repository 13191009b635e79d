// Brokers of both kinds without the service around them, and what is asked of them.
import type { Redis } from 'ioredis'
import type { Test } from 'tap'
import { connect } from '../../services/broker/redis-connect.ts'
import type { Broker, HistoryRead, Message, StoredUpdate, PublishRequest } from '../../services/broker/broker.ts'
import { publicUpdate } from '../../services/broker/envelope.ts'
import type { Log } from '../../services/observe/log.ts'
import { createMemoryBroker } from '../../services/broker/memory-broker.ts'
import { createMetrics, type Metrics } from '../../services/observe/metrics.ts'
import { createRedisBroker } from '../../services/broker/redis-broker.ts'
import { readSettings } from '../../services/settings/read.ts'
import { eventually } from './eventually.ts'

export type Env = Record<string, string>

const ROOM = 'acme/board-1'
const silent = (): void => undefined
export const silentLog: Log = { debug: silent, info: silent, warn: silent, error: silent }

export interface LogLine {
  level: keyof Log
  fields: object
  text: string
}

/** A log that is kept. */
export function keptLog (): { log: Log, lines: LogLine[] } {
  const lines: LogLine[] = []
  const write = (level: keyof Log) => (fields: object, text: string) => { lines.push({ level, fields, text }) }
  return { lines, log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') } }
}

export function memoryBroker (t: Test, env: Env = {}): Broker {
  const broker = createMemoryBroker({ instance: 'embedded', settings: readSettings(env), metrics: createMetrics() })
  t.teardown(() => broker.close())
  return broker
}

/** Does not wait for Redis; `connected` does. */
export function redisBroker (t: Test, url: string, env: Env = {}, instance = 'one'): Broker & { metrics: Metrics, lines: LogLine[], commands: Redis } {
  const settings = readSettings({ REDIS_URL: url, ...env })
  const metrics = createMetrics()
  const { log, lines } = keptLog()
  const commands = connect(settings, 'commands')
  const broker = createRedisBroker({ instance, commands, subscriber: connect(settings, 'subscriber'), settings, log, metrics })
  t.teardown(() => broker.close())
  return { ...broker, metrics, lines, commands }
}

export async function connected<T extends Broker> (broker: T): Promise<T> {
  await eventually(() => broker.fault() === undefined)
  return broker
}

/** An update of `ann` to `acme/board-1`, unless said otherwise. */
export function publication ({ payload = { x: 1 }, ...rest }: Partial<PublishRequest> & { payload?: unknown } = {}): PublishRequest {
  return { room: ROOM, event: 'MOVE', payloadJson: JSON.stringify(payload), userId: 'ann', sub: 'ann', ...rest }
}

/** An update as a broker hands it on. */
export function storedUpdate (rest: Partial<Omit<StoredUpdate, 'kind' | 'json'>> = {}): StoredUpdate {
  const update = { kind: 'update' as const, epoch: 'e', offset: 1, publishedAt: 1_700_000_000_000, id: 'a', event: 'E', payload: 1, userId: 'ann', ...rest }
  return { ...update, json: JSON.stringify(publicUpdate(ROOM, update)) }
}

export async function historyOf (broker: Broker, since = 0, limits = {}, room = ROOM): Promise<HistoryRead> {
  return await broker.history(room, since, { maxUpdates: 1000, maxBytes: 1_000_000, ...limits })
}

export function offsets (updates: StoredUpdate[]): number[] {
  return updates.map(({ offset }) => offset)
}

/** Subscribes to a room, and keeps what comes. */
export async function listenTo (broker: Broker, room = ROOM) {
  const messages: Message[] = []
  await broker.subscribe(room, message => { messages.push(message) })
  return {
    messages,
    async until (count: number): Promise<Message[]> {
      await eventually(() => messages.length >= count)
      return messages
    }
  }
}
