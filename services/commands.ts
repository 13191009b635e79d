// Commands of operators to all instances: updates of one internal room, with the same script, feed and catch-up as any.
import { createHash, randomUUID } from 'node:crypto'
import { Type, type Static } from '@sinclair/typebox'
import type { Broker, NumberedUpdate, Retention } from './broker.ts'
import { RoomcastError } from './errors.ts'
import type { Feeds } from './feeds.ts'
import type { Identity } from './identity.ts'
import type { Inbox } from './inbox.ts'
import { HEARTBEAT_EVENT, type Liveness } from './liveness.ts'
import type { Log } from './log.ts'
import type { Member } from './member.ts'
import type { Metrics } from './metrics.ts'
import { DisconnectCommand, RevokeCommand, UnsubscribeCommand, type CommandResult, type StreamPosition } from './protocol.ts'
import { createRevocations } from './revocations.ts'
import { COMMANDS_ROOM, instanceRoom, roomKey, roomName } from './rooms.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import type { Settings } from './settings.ts'
import { checker } from './validation.ts'

const COMMAND_EVENT = 'command'
const ANSWER_EVENT = 'answer'
/** A caller has its answer within 1 s; this leaves time for the way. */
const ANSWERS_WITHIN_MS = 900
/** How long a disconnect also hits sockets whose handshake had begun before it. */
const DISCONNECT_MEMORY_MS = 10_000
const RETRY_MS = 200

const Command = Type.Union([
  Type.Object({ do: Type.Literal('disconnect'), target: DisconnectCommand }),
  Type.Object({ do: Type.Literal('unsubscribe'), target: UnsubscribeCommand }),
  Type.Object({ do: Type.Literal('revoke'), target: RevokeCommand })
])
export type Command = Static<typeof Command>

const CommandEnvelope = Type.Object({ command: Command, from: Type.Optional(Type.String({ description: 'who waits for answers' })) })
const CommandAnswer = Type.Object({ id: Type.String(), instance: Type.String(), sockets: Type.Integer({ minimum: 0 }) })

export interface Commands {
  /** Whether the commands given so far are known here; before that no token may be trusted. */
  isCaughtUp (): boolean
  isRevoked (identity: Identity): boolean
  /** Ends a session that a command would have ended, had it been there already. Register the session first. */
  checkNew (session: Session): void
  /** Tells every instance, and gathers what they did. */
  execute (command: Command): Promise<CommandResult>
  start (): void
  close (): void
}

export function createCommands ({ broker, feeds, inbox, liveness, sessions, settings, metrics, log }: {
  broker: Broker
  feeds: Feeds
  inbox: Inbox
  liveness: Liveness
  sessions: Sessions
  settings: Settings
  metrics: Metrics
  log: Log
}): Commands {
  const retention: Retention = {
    historySize: settings.COMMANDS_HISTORY_SIZE,
    historySeconds: settings.TOKEN_MAX_SECONDS,
    roomSeconds: settings.TOKEN_MAX_SECONDS
  }
  const revocations = createRevocations(metrics)
  const gathering = new Map<string, (instance: string, sockets: number) => void>()
  const disconnectedAt = new Map<string, number>()
  let isCaughtUp = false
  let retryTimer: NodeJS.Timeout | undefined
  let isClosed = false
  /** While it catches up: the offset up to which commands must be known, and whom to tell. */
  let awaited: { offset: number, resolve: () => void, reject: (error: Error) => void } | undefined
  /** An entry that nobody can read is stepped over. */
  let skipTo: StreamPosition = { epoch: '', offset: 0 }
  /** The last command that was carried out: none is twice. */
  let last: StreamPosition = { epoch: '', offset: 0 }
  /** The epoch that has all revocations we know. */
  let writtenIn: string | undefined

  inbox.on(ANSWER_EVENT, ({ payload }) => {
    if (checker(CommandAnswer).Check(payload)) gathering.get(payload.id)?.(payload.instance, payload.sockets)
  })

  // ── Following the room ────────────────────────────────────────────────────

  const member: Member = {
    position: 0,
    deliver ({ update }) {
      onCommand(update)
      if (awaited !== undefined && update.offset >= awaited.offset) awaited.resolve()
    },
    deliverEphemeral ({ update }) {
      if (update.event === HEARTBEAT_EVENT) liveness.heard(update.userId)
    },
    waiting: () => 0,
    whenDrained: callback => callback(),
    end () {
      // In a new epoch the broker lost its past, and with it perhaps revocations that we still know.
      const { epoch } = feeds.get(COMMANDS_ROOM)?.position() ?? last
      if (epoch === last.epoch) skipTo = { epoch, offset: member.position + 1 }
      if (awaited === undefined) followLater()
      else awaited.reject(new RoomcastError('history/insufficient'))
    }
  }

  /** Reads all commands that are kept, then follows; until that has worked once, this instance trusts no token. */
  async function follow (): Promise<void> {
    if (isClosed) return
    try {
      const feed = await feeds.open(COMMANDS_ROOM, retention)
      const { epoch, oldest, offset } = await broker.history(COMMANDS_ROOM, 0, { maxUpdates: 1, maxBytes: 1 })
      const first = Math.max(oldest === undefined ? offset : oldest - 1, skipTo.epoch === epoch ? skipTo.offset : 0)
      await new Promise<void>((resolve, reject) => {
        awaited = { offset: Infinity, resolve, reject }
        feed.join(member, { epoch, offset: Math.min(first, offset) }, joined => {
          awaited = { offset: joined.offset, resolve, reject }
          // Trimmed or begun anew since it was read: what this instance would not know, it must not trust.
          if (!joined.recovered) reject(new RoomcastError('history/insufficient'))
          else if (joined.missed === 0) resolve()
        }).catch(reject)
      })
      awaited = undefined
      await writeAgain(epoch)
      isCaughtUp = true
    } catch (error) {
      awaited = undefined
      if (!(error instanceof RoomcastError)) log.error({ err: error }, 'commands cannot be followed')
      feeds.get(COMMANDS_ROOM)?.leave(member)
      followLater()
    }
  }

  function followLater (): void {
    retryTimer = setTimeout(() => { void follow() }, RETRY_MS)
    retryTimer.unref()
  }

  /** Writes the revocations that we know into an epoch that may lack them; all instances do, under the same ids. */
  async function writeAgain (epoch: string): Promise<void> {
    if (writtenIn !== undefined && writtenIn !== epoch) {
      for (const target of revocations.all()) {
        const id = createHash('sha256').update(JSON.stringify(target)).digest('base64url')
        await broker.publish(publication({ command: { do: 'revoke', target } }, id))
      }
    }
    writtenIn = epoch
  }

  function publication (payload: Static<typeof CommandEnvelope>, callerId: string) {
    return { room: COMMANDS_ROOM, event: COMMAND_EVENT, payload, userId: broker.instance, sub: '$commands', callerId, retention }
  }

  // ── Carrying out ──────────────────────────────────────────────────────────

  function onCommand ({ epoch, offset, id, payload, publishedAt }: NumberedUpdate): void {
    if (epoch === last.epoch && offset <= last.offset) return
    last = { epoch, offset }
    if (!checker(CommandEnvelope).Check(payload)) {
      metrics.dropped.inc({ reason: 'garbage' })
      return
    }
    const { command, from } = payload
    const sockets = carryOut(command, publishedAt)
    metrics.commands.inc({ command: command.do })
    // Nobody waits any more for the answer to what is read again at a start.
    if (Date.now() - publishedAt > 2 * ANSWERS_WITHIN_MS) return
    log.info({ command: command.do, sockets }, 'command carried out')
    if (from !== undefined) void answer(from, id, sockets)
  }

  function carryOut (command: Command, publishedAt: number): number {
    if (command.do === 'disconnect') {
      const { userId } = command.target
      const hitAt = Date.now()
      disconnectedAt.set(userId, hitAt)
      setTimeout(() => { if (disconnectedAt.get(userId) === hitAt) disconnectedAt.delete(userId) }, DISCONNECT_MEMORY_MS).unref()
      return end(sessions.ofUser(userId), session => session.close('auth/disconnected'))
    }
    if (command.do === 'unsubscribe') {
      const room = { workspaceId: command.target.workspaceId, appId: command.target.appId }
      const members = sessions.ofUser(command.target.userId).filter(session => session.isMember(roomKey(room)))
      return end(members, session => session.endMembership(room, 'auth/unsubscribed'))
    }
    const latestIssue = 'issuedBefore' in command.target ? Math.max(publishedAt, command.target.issuedBefore) : publishedAt
    revocations.add(command.target, latestIssue + settings.TOKEN_MAX_SECONDS * 1000)
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

  async function answer (from: string, id: string, sockets: number): Promise<void> {
    const { instance } = broker
    if (from === instance) return gathering.get(id)?.(instance, sockets)
    try {
      await broker.publishEphemeral({
        room: instanceRoom(from), event: ANSWER_EVENT, payload: { id, instance, sockets }, userId: instance, sub: instance
      })
    } catch (error) {
      log.debug({ err: (error as Error).message }, 'answer to a command was not sent')
    }
  }

  // ── Giving ────────────────────────────────────────────────────────────────

  async function execute (command: Command): Promise<CommandResult> {
    const id = randomUUID()
    const startedAt = performance.now()
    const answers = new Map<string, number>()
    let expected = new Set(liveness.alive())
    let instances = Infinity
    let finish: () => void = () => {}
    const finished = new Promise<void>(resolve => { finish = resolve })
    const isComplete = () => answers.size >= instances && [...expected].every(instance => answers.has(instance))
    gathering.set(id, (instance, sockets) => {
      answers.set(instance, sockets)
      if (isComplete()) finish()
    })
    try {
      const receipt = await broker.publish(publication({ command, from: broker.instance }, id))
      instances = receipt.instances
      expected = new Set(liveness.alive())
      if (isComplete()) finish()
      const timer = setTimeout(finish, Math.max(0, ANSWERS_WITHIN_MS - (performance.now() - startedAt)))
      await finished
      clearTimeout(timer)
      return { sockets: [...answers.values()].reduce((sum, sockets) => sum + sockets, 0), complete: isComplete() }
    } finally {
      gathering.delete(id)
    }
  }

  return {
    isCaughtUp: () => isCaughtUp,
    isRevoked: revocations.isRevoked,

    checkNew (session) {
      const hitAt = disconnectedAt.get(session.identity().sub)
      if (revocations.isRevoked(session.identity())) session.close('auth/token-revoked')
      else if (hitAt !== undefined && hitAt >= session.startedAt) session.close('auth/disconnected')
    },

    execute,
    start: () => { void follow() },
    close () {
      isClosed = true
      clearTimeout(retryTimer)
    }
  }
}
