// The webhook's state in Redis: all in one slot, because one report changes many subjects and the outbox in one step.
import { randomBytes } from 'node:crypto'
import type { Settings } from '../settings.ts'
import type { HookAnswer, HookBroker, HookState } from './hooks.ts'
import type { Run } from './redis-commands.ts'
import { HOOKS_ROOM } from '../wire/rooms.ts'

/** How long Redis keeps this state after the last report. */
const KEPT_SECONDS = 7 * 24 * 3600

export function createRedisHooks ({ run, instance, settings }: { run: Run, instance: string, settings: Settings }): HookBroker {
  const { REDIS_PREFIX: prefix, LEASE_MS, WEBHOOK_EVENTS, WEBHOOK_QUEUE_SIZE, ROOM_LINGER_MS, PRESENCE_LINGER_MS } = settings
  const nameOf = (what: string) => `${prefix}:{${HOOKS_ROOM}}:${what}`
  const outbox = [nameOf('meta'), nameOf('outbox')] as const
  const shared = [nameOf('subjects'), nameOf('due'), nameOf('outbox'), nameOf('meta'), nameOf('tellers'), nameOf('retired')]
  const namesOf = (teller: string) => [nameOf(`held:${teller}`), nameOf(`report:${teller}`)]

  function claim (leaseMs: number): Promise<string[]> {
    return run('write', redis => redis.claimHooks(...outbox, instance, leaseMs, settings.WEBHOOK_BATCH_SIZE) as Promise<string[]>)
  }

  return {
    async report ({ teller, number, changes, retire = '' }) {
      const texts = changes.flatMap(({ isHeld, subject, stay = '-', isDelivered, fields }) => [isHeld ? '+' : '-', subject, stay, isDelivered ? '1' : '0', fields])
      const text = await run('write', (redis, { runId }) => redis.reportHooks(
        ...shared, ...namesOf(teller), ...namesOf(retire === '' ? teller : retire),
        teller, number, runId, LEASE_MS, randomBytes(6).toString('hex'), WEBHOOK_EVENTS, WEBHOOK_QUEUE_SIZE, ROOM_LINGER_MS, PRESENCE_LINGER_MS, KEPT_SECONDS, retire, ...texts
      ) as Promise<string>, settings.PUBLISH_TIMEOUT_MS, texts.reduce((bytes, { length }) => bytes + length, 0))
      return readAnswer(text)
    },

    async claim (leaseMs) {
      const [last, ...events] = await claim(leaseMs)
      return last === undefined ? undefined : { last, events }
    },

    async taken (last) {
      const [delivered, waiting] = await run('write', redis => redis.hooksTaken(...outbox, last) as Promise<[number, number]>)
      return { delivered, waiting }
    },

    async abandon () {
      // Waiting events stay in Redis for other instances, now or later.
      await claim(0)
      return 0
    }
  }
}

/** Lua encodes an empty list as an empty object. */
function readAnswer (text: string): HookAnswer {
  const answer = JSON.parse(text) as HookAnswer
  if (answer.outcome !== 'told') return answer
  const list = (value: HookState['stays']) => Array.isArray(value) ? value : []
  return { ...answer, stays: list(answer.stays), silent: list(answer.silent) }
}
