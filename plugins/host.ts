// fastify.roomcast: what the app around the service gets, its one decorator. The app is trusted; what it gives is checked.
import { Command } from '../services/instances/commands.ts'
import type { Identity } from '../services/access/identity.ts'
import { assertWithinReach, targetOf } from '../services/access/revocations.ts'
import type { Metrics } from '../services/observe/metrics.ts'
import { drain } from '../services/sessions/drain.ts'
import type { Settings } from '../services/settings.ts'
import { RoomcastError } from '../services/wire/errors.ts'
import { HostPublish, RoomRef, type CommandResult, type PresenceList, type Receipt } from '../services/wire/protocol.ts'
import { roomKey, type RoomKey, type RoomName } from '../services/wire/rooms.ts'
import { parse } from '../services/wire/validation.ts'
import type { Gateways } from './gateways.ts'
import type { People } from './people.ts'
import type { Base } from './updates.ts'

declare module 'fastify' {
  interface FastifyInstance {
    roomcast: Roomcast
  }
}

export interface Roomcast {
  publisher: {
    /**
     * Publishes an update in the name of `userId`; resolves once the broker has it. `payload` is what JSON says of it,
     * up to `MAX_PAYLOAD_BYTES`. Repeating an `id` within `IDEMPOTENCY_TTL_SECONDS` publishes nothing and answers the
     * first receipt with `duplicate: true`; ids of the app are its own, whatever the `userId`.
     * @throws RoomcastError `request/invalid`, `publish/payload-too-large`, `broker/unavailable` (not published),
     *   `broker/timeout` (unknown: repeat it with the same `id`)
     */
    publish (update: HostPublish): Promise<Receipt>
  }
  presence: {
    /**
     * Who is in a room, over all instances.
     * @throws RoomcastError `request/invalid`, `broker/unavailable`, `broker/timeout`
     */
    list (room: RoomName): Promise<PresenceList>
  }
  commands: {
    /** Whether the commands given so far are known here; before that no token is accepted. */
    isCaughtUp (): boolean
    /**
     * Ends access on every instance; answers within 1 s how many connections it hit, and whether every live instance answered.
     * @throws RoomcastError `request/invalid`, `broker/unavailable`, `broker/timeout`
     */
    execute (command: Command): Promise<CommandResult>
  }
  /** The authenticated connections of this instance. */
  sessions: {
    readonly size: number
    all (): Iterable<HostSession>
    ofUser (userId: string): HostSession[]
  }
  readiness: {
    /** Why this instance should get no traffic; empty when it should. */
    faults (): string[]
  }
  /** Roomcast's metrics; `metrics.registry` is its registry of prom-client. */
  metrics: Metrics
  /** From now on not ready: resolves when every client was moved away, within `DRAIN_DELAY_SECONDS` and `DRAIN_SECONDS`. Close the app only then. */
  drain (): Promise<void>
  /** Signs a token with the random key of this run; undefined where a key is configured. */
  signDemo: ((claims: object) => string) | undefined
}

/** What an app may know of a connection. */
export interface HostSession {
  /** The id of its socket. */
  readonly id: string
  /** Who its token says it is. */
  identity (): Identity
  /** The keys, `workspaceId/appId`, of the rooms it is in. */
  rooms (): RoomKey[]
}

export function createRoomcast ({ publisher, presence, commands, sessions, readiness, metrics, authenticator, io, settings, log }: Base & People & Gateways): Roomcast {
  let draining: Promise<void> | undefined

  return {
    publisher: {
      async publish (update) {
        const checked = parse(HostPublish, update)
        return await publisher.publishTrusted({ ...checked, payload: jsonOf(checked.payload) })
      }
    },
    presence: { list: async room => await presence.list(roomKey(parse(RoomRef, room))) },
    commands: {
      isCaughtUp: commands.isCaughtUp,
      execute: async command => await commands.execute(checkedCommand(command, settings))
    },
    sessions,
    readiness,
    metrics,
    drain () {
      draining ??= drain({ startDraining: readiness.startDraining, sessions, countConnections: () => io.engine.clientsCount, settings, log })
      return draining
    },
    signDemo: authenticator.signDemo
  }
}

function checkedCommand (given: unknown, settings: Settings): Command {
  const command = parse(Command, given)
  if (command.do !== 'revoke' && command.do !== 'restore') return command
  const target = targetOf(command.target)
  if (command.do === 'revoke') assertWithinReach(target, settings)
  return { do: command.do, target }
}

/** What JSON says of a value: a copy, which no later change of the original reaches. */
function jsonOf (payload: unknown): unknown {
  let text: string | undefined
  try {
    text = JSON.stringify(payload)
  } catch (error) {
    throw new RoomcastError('request/invalid', 'payload: JSON cannot hold it: it refers to itself, or contains a BigInt.', { cause: error })
  }
  if (text === undefined) throw new RoomcastError('request/invalid', 'payload: there is none that JSON can hold: give any JSON, or null.')
  return JSON.parse(text)
}
