// Operator commands to all instances, sent as updates of an internal room: they use the same script, feed and repair as any room.
import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { Type, type Static } from '@sinclair/typebox'
import type { Answers } from './answers.ts'
import type { Broker, EphemeralUpdate, StoredUpdate } from '../broker/broker.ts'
import { createCheckpoints } from './checkpoints.ts'
import { createCommandRoom } from './command-room.ts'
import type { Feeds } from '../feeds/feeds.ts'
import type { Identity } from '../access/identity.ts'
import { HEARTBEAT_EVENT, type Peers } from './peers.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { DisconnectCommand, RevokeCommand, UnsubscribeCommand, type CommandResult } from '../wire/protocol.ts'
import { createRevocations } from '../access/revocations.ts'
import { roomKey, roomName } from '../wire/rooms.ts'
import type { Session } from '../sessions/session.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { Settings } from '../settings.ts'
import { createValidator } from '../wire/validation.ts'

export const Command = Type.Union([
  Type.Object({ do: Type.Literal('disconnect'), target: DisconnectCommand }),
  Type.Object({ do: Type.Literal('unsubscribe'), target: UnsubscribeCommand }),
  Type.Object({ do: Type.Literal('revoke'), target: RevokeCommand }),
  Type.Object({ do: Type.Literal('restore'), target: RevokeCommand })
])
export type Command = Static<typeof Command>

const CommandMessage = Type.Object({ command: Command, from: Type.Optional(Type.String({ description: 'the instance that waits for answers' })) })
type CommandMessage = Static<typeof CommandMessage>
const CommandAnswer = Type.Object({ sockets: Type.Integer({ minimum: 0 }) })
const validators = { message: createValidator(CommandMessage), answer: createValidator(CommandAnswer) }

export interface Commands {
  /** Whether this instance knows all earlier commands. Until then, it must not trust any token. */
  isCaughtUp (): boolean
  isRevoked (identity: Identity): boolean
  /** Ends a new session, or its subscriptions, that an earlier command concerns. Register the session first. */
  checkNew (session: Session): void
  /**
   * Runs a command on every instance and collects the results.
   * @throws RoomcastError `broker/unavailable`, `broker/timeout`
   */
  execute (command: Command): Promise<CommandResult>
  /** What is said to all instances and not kept, by the name of its event. */
  onSaid (event: string, handler: (update: EphemeralUpdate) => void): void
  start (): void
  close (): void
}

export function createCommands ({ broker, feeds, answers, peers, sessions, settings, metrics, log }: {
  broker: Broker
  feeds: Feeds
  answers: Answers
  peers: Peers
  sessions: Sessions
  settings: Settings
  metrics: Metrics
  log: Log
}): Commands {
  const revocations = createRevocations(settings, metrics)
  const said = new Map([[HEARTBEAT_EVENT, ({ userId }: EphemeralUpdate) => peers.heard(userId)]])
  /** When each user was last disconnected, or unsubscribed from a room, by performance.now(). */
  const endedAt = new Map<string, number>()
  /** Both also concern sockets whose handshake began before the command. No handshake takes longer than this. */
  const endedMemoryMs = settings.AUTH_TIMEOUT_MS + 1000
  const checkpoints = createCheckpoints({
    instance: broker.instance,
    revocations,
    publish: (entry, id) => room.publish(entry, id),
    settings,
    log,
    onKnown: endAllRevoked
  })
  const room = createCommandRoom({
    broker,
    feeds,
    settings,
    log,
    onEntry,
    onEphemeral: update => said.get(update.event)?.(update),
    onReading: checkpoints.onReading,
    onRead: checkpoints.onRead
  })

  // ── Carrying out ──────────────────────────────────────────────────────────

  function onEntry (update: StoredUpdate, isOld: boolean): void {
    const { payload } = update
    if (validators.message.accepts(payload)) onCommand(update, payload, isOld)
    else if (!checkpoints.onEntry(update, isOld)) metrics.dropped.inc({ reason: 'garbage' })
  }

  function onCommand ({ id, publishedAt }: StoredUpdate, { command, from }: CommandMessage, isOld: boolean): void {
    const sockets = carryOut(command, publishedAt)
    metrics.commands.inc({ command: command.do })
    if (isOld) return
    log.info({ command: command.do, sockets }, 'command executed')
    if (from !== undefined) void answers.give(from, id, { sockets } satisfies Static<typeof CommandAnswer>)
  }

  function carryOut (command: Command, publishedAt: number): number {
    if (command.do === 'disconnect') {
      const { userId } = command.target
      remember(endOf(userId))
      return end(sessions.ofUser(userId), session => session.close('auth/disconnected'))
    }
    if (command.do === 'unsubscribe') {
      const { userId, workspaceId, appId } = command.target
      remember(endOf(userId, roomKey({ workspaceId, appId })))
      const concerned = sessions.ofUser(userId).filter(session => session.isConcerned(roomKey({ workspaceId, appId })))
      return end(concerned, session => session.endMembership({ workspaceId, appId }, 'auth/unsubscribed'))
    }
    if (command.do === 'restore') {
      revocations.restore(command.target, publishedAt)
      return 0
    }
    revocations.revoke(command.target, publishedAt)
    return endAllRevoked()
  }

  function remember (key: string): void {
    const hitAt = performance.now()
    endedAt.set(key, hitAt)
    setTimeout(() => { if (endedAt.get(key) === hitAt) endedAt.delete(key) }, endedMemoryMs).unref()
  }

  function isEndedSince (startedAt: number, key: string): boolean {
    return (endedAt.get(key) ?? -1) >= startedAt
  }

  function endAllRevoked (): number {
    return end([...sessions.all()].filter(usesRevoked), endRevoked)
  }

  function end (some: Session[], ending: (session: Session) => void): number {
    for (const session of some) ending(session)
    return some.length
  }

  function usesRevoked (session: Session): boolean {
    return revocations.isRevoked(session.identity()) || session.roomsWithToken().some(room => isRoomTokenRevoked(session, room))
  }

  function isRoomTokenRevoked (session: Session, room: string): boolean {
    const added = session.roomToken(room)
    return added !== undefined && revocations.isRevoked(added)
  }

  function endRevoked (session: Session): void {
    if (revocations.isRevoked(session.identity())) return session.close('auth/token-revoked')
    for (const room of session.roomsWithToken()) {
      if (isRoomTokenRevoked(session, room)) session.endMembership(roomName(room), 'auth/token-revoked')
    }
  }

  // ── Giving ────────────────────────────────────────────────────────────────

  async function execute (command: Command): Promise<CommandResult> {
    const id = randomUUID()
    const gathering = answers.open(id, validators.answer.accepts)
    try {
      const receipt = await room.publish({ command, from: broker.instance } satisfies CommandMessage, id)
      gathering.heardBy(receipt.instances)
      await gathering.done
      return { sockets: [...gathering.answers.values()].reduce((sum, { sockets }) => sum + sockets, 0), complete: gathering.isComplete() }
    } finally {
      gathering.close()
    }
  }

  return {
    isCaughtUp: checkpoints.isCaughtUp,
    isRevoked: revocations.isRevoked,

    checkNew (session) {
      const { sub } = session.identity()
      if (revocations.isRevoked(session.identity())) session.close('auth/token-revoked')
      else if (isEndedSince(session.startedAt, endOf(sub))) session.close('auth/disconnected')
      // Rooms that it has come back with.
      for (const room of session.rooms()) {
        if (isEndedSince(session.startedAt, endOf(sub, room))) session.endMembership(roomName(room), 'auth/unsubscribed')
      }
    },

    execute,
    onSaid (event, handler) { said.set(event, handler) },
    start: room.start,

    close () {
      room.close()
      checkpoints.close()
    }
  }
}

/** What was ended: all sockets of a user, or those in a room, whose key has no space. */
function endOf (userId: string, room = ''): string {
  return `${room} ${userId}`
}
