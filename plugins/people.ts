// Presence, the rooms that this instance follows, its sessions, and the commands that end them.
import type { FastifyInstance } from 'fastify'
import { createFeeds, type Feeds } from '../services/feeds/feeds.ts'
import { createHooks, type Hooks } from '../services/hooks/hooks.ts'
import { createAnswers, type Answers } from '../services/instances/answers.ts'
import { createCommands, type Commands } from '../services/instances/commands.ts'
import { createPresence, type Presence } from '../services/presence/presence.ts'
import { createSessions, type Sessions } from '../services/sessions/sessions.ts'
import type { Base, Updates } from './updates.ts'

/** The least time to send waiting events at close, in case requests have used up the time to close. */
const LEAST_CLOSE_MS = 2000

export interface People {
  presence: Presence
  feeds: Feeds
  /** The authenticated connections of this instance. */
  sessions: Sessions
  /** Operator commands to all instances, and the revoked tokens. */
  commands: Commands
  /** What all instances answer to one of them. */
  answers: Answers
}

export function followPeople (fastify: FastifyInstance, parts: Base & Updates): People {
  const { peers } = parts
  const hooks = parts.settings.WEBHOOK_URL === '' ? undefined : tellBackend(fastify, parts)
  const presence = createPresence({ ...parts, isAlive: peers.isAlive, onSession: hooks?.onSession })
  peers.onBeat(presence.onBeat)
  fastify.addHook('onReady', async () => { presence.start() })
  fastify.addHook('onClose', async () => { await presence.close() })

  const feeds = createFeeds({ ...parts, onPresence: presence.onDelta, onReset: presence.onReset, onOccupancy: hooks?.onOccupancy })
  const sessions = createSessions(parts)
  const answers = createAnswers(parts)
  const commands = createCommands({ ...parts, answers, feeds, sessions })
  fastify.addHook('onReady', async () => {
    feeds.start()
    commands.start()
  })
  fastify.addHook('onClose', async () => {
    commands.close()
    sessions.close()
    await feeds.close()
  })
  return { presence, feeds, sessions, commands, answers }
}

/** Reports rooms and members to the webhook. */
function tellBackend (fastify: FastifyInstance, parts: Base & Updates): Hooks {
  const hooks = createHooks(parts)
  parts.peers.onBeat(hooks.onBeat)
  let closesAt: number | undefined
  fastify.addHook('onReady', async () => { hooks.start() })
  fastify.addHook('preClose', async () => {
    closesAt = performance.now() + parts.settings.CLOSE_TIMEOUT_MS
    hooks.seal()
  })
  fastify.addHook('onClose', async () => {
    const leftMs = closesAt === undefined ? parts.settings.CLOSE_TIMEOUT_MS : closesAt - performance.now()
    await hooks.close(Math.max(leftMs, LEAST_CLOSE_MS))
  })
  return hooks
}
