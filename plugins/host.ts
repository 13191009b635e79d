// fastify.roomcast: the one decorator for the host app. The host is trusted, but its values are checked.
import { Command } from '../services/instances/commands.ts'
import type { Identity } from '../services/access/identity.ts'
import { assertWithinReach, targetOf } from '../services/access/revocations.ts'
import type { Metrics } from '../services/observe/metrics.ts'
import { drain } from '../services/sessions/drain.ts'
import type { Settings } from '../services/settings.ts'
import { RoomcastError } from '../services/wire/errors.ts'
import { HostPublish, RoomRef, type CommandResult, type PresenceList, type Receipt } from '../services/wire/protocol.ts'
import { roomKey, type RoomKey, type RoomName } from '../services/wire/rooms.ts'
import { createValidator } from '../services/wire/validation.ts'
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
     * Publishes an update as `userId`. Resolves once the broker has stored it. `payload` is encoded as JSON, up to
     * `MAX_PAYLOAD_BYTES`. Repeating an `id` within `IDEMPOTENCY_TTL_SECONDS` publishes nothing and returns the first
     * receipt with `duplicate: true`. Ids of the host are shared by all its `userId`s, but not with other callers.
     * @throws RoomcastError `request/invalid`, `publish/payload-too-large`, `broker/unavailable` (not published),
     *   `broker/timeout` (unknown: repeat it with the same `id`)
     */
    publish (update: HostPublish): Promise<Receipt>
  }
  presence: {
    /**
     * Reads who is in a room, over all instances.
     * @throws RoomcastError `request/invalid`, `broker/unavailable`, `broker/timeout`
     */
    list (room: RoomName): Promise<PresenceList>
  }
  commands: {
    /** Whether this instance knows all earlier commands. Until then, it accepts no token. */
    isCaughtUp (): boolean
    /**
     * Ends access on every instance. Returns within 1 s how many connections it ended, and whether all live instances answered.
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
    /** The reasons why this instance should get no traffic; empty when it is ready. */
    faults (): string[]
  }
  /** The metrics of Roomcast. `metrics.registry` is a prom-client registry. */
  metrics: Metrics
  /** Makes the instance not ready and moves all clients away, within `DRAIN_DELAY_SECONDS` plus `DRAIN_SECONDS`. Close the app after that. */
  drain (): Promise<void>
  /** Signs a token with the random key of this run; undefined if a key is configured. */
  signDemo: ((claims: object) => string) | undefined
}

/** The part of a connection that a host may see. */
export interface HostSession {
  /** Socket id. */
  readonly id: string
  /** The identity from its token. */
  identity (): Identity
  /** Keys of its rooms, each `workspaceId/appId`. */
  rooms (): RoomKey[]
}

const validators = { publish: createValidator(HostPublish), room: createValidator(RoomRef), command: createValidator(Command) }

export function createRoomcast ({ publisher, presence, commands, sessions, readiness, metrics, authenticator, io, settings, log }: Base & People & Gateways): Roomcast {
  let draining: Promise<void> | undefined

  return {
    publisher: {
      async publish (update) {
        const checked = validators.publish.parse(update)
        return await publisher.publishTrusted({ ...checked, payload: jsonOf(checked.payload) })
      }
    },
    presence: { list: async room => await presence.list(roomKey(validators.room.parse(room))) },
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
  const command = validators.command.parse(given)
  if (command.do !== 'revoke' && command.do !== 'restore') return command
  const target = targetOf(command.target)
  if (command.do === 'revoke') assertWithinReach(target, settings)
  return { do: command.do, target }
}

/** A copy of the value as JSON has it, unaffected by later changes of the original. */
function jsonOf (payload: unknown): unknown {
  let text: string | undefined
  try {
    text = JSON.stringify(payload)
  } catch (error) {
    throw new RoomcastError('request/invalid', 'payload: cannot be encoded as JSON, because it refers to itself or contains a BigInt.', { cause: error })
  }
  if (text === undefined) throw new RoomcastError('request/invalid', 'payload: is missing or cannot be encoded as JSON: pass any JSON value, or null.')
  return JSON.parse(text)
}
