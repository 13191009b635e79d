// Publishing, over HTTP and sockets alike: rate, capability, size, then the broker. The trusted host app skips the first two.
import { performance } from 'node:perf_hooks'
import { authorize, can } from '../access/capabilities.ts'
import type { Broker } from './broker.ts'
import { toRoomcastError, type RoomcastError } from '../wire/errors.ts'
import type { Identity } from '../access/identity.ts'
import { limitError } from '../observe/limits.ts'
import type { Metrics } from '../observe/metrics.ts'
import { HttpPublish, type HostPublish, type Receipt } from '../wire/protocol.ts'
import { createRates } from '../access/rate.ts'
import { roomKey, type RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'
import { tracePublish } from '../observe/tracing.ts'
import { createValidator, isDeeperThan } from '../wire/validation.ts'

type Kind = 'update' | 'ephemeral'
/** The publisher. A room token can give it more `capabilities` than its identity has. */
type Caller = Pick<Identity, 'sub' | 'capabilities'>

export interface Publisher {
  /**
   * Publishes one update.
   * @throws RoomcastError `limit/publish-rate`, `auth/forbidden`, `publish/payload-too-large`, `request/invalid`, `broker/…`
   */
  publish (caller: Caller, update: HttpPublish): Promise<Receipt>
  /**
   * Publishes several updates concurrently; a failed update does not stop the others. After a retryable failure, later
   * updates of the same room fail too, so that they keep their order when they are all sent again.
   * @param updates each is validated separately
   * @returns the outcomes, in the order of the updates
   */
  publishAll (caller: Caller, updates: unknown[]): Promise<Array<PromiseSettledResult<Receipt>>>
  /**
   * Publishes one payload to several rooms, as `publishAll` does.
   * @throws RoomcastError `publish/payload-too-large`, `request/invalid`; then nothing was published
   */
  publishMany (caller: Caller, rooms: unknown[], update: Pick<HttpPublish, 'event' | 'payload' | 'id'>): Promise<Array<PromiseSettledResult<Receipt>>>
  /**
   * Publishes an update of the host app.
   * @throws RoomcastError `publish/payload-too-large`, `request/invalid`, `broker/…`
   */
  publishTrusted (update: HostPublish): Promise<Receipt>
}

/** No token has an empty `sub`, so update ids of the host app never collide with those of a caller. */
const HOST_SUB = ''
const updateValidator = createValidator(HttpPublish)

export function createPublisher ({ broker, settings, metrics }: { broker: Broker, settings: Settings, metrics: Metrics }): Publisher {
  const rates = createRates(settings.PUBLISHES_PER_SECOND, settings.PUBLISH_BURST)

  return {
    async publish (caller, update) {
      try {
        return await send(caller.sub, admitted(caller, update), update)
      } catch (error) {
        countFailed(update, error)
        throw error
      }
    },

    publishAll: async (caller, updates) => await publishEach(caller, updates),

    async publishMany (caller, rooms, { event, payload, id }) {
      const updates = rooms.map(room => {
        const { workspaceId, appId } = Object(room) as Record<string, unknown>
        return { workspaceId, appId, event, payload, id }
      })
      return await publishEach(caller, updates, payloadText(payload))
    },

    async publishTrusted (update) {
      try {
        return await send(HOST_SUB, update.userId, update)
      } catch (error) {
        countFailed(update, error)
        throw error
      }
    }
  }

  /**
   * Runs concurrently. Nothing is awaited before the broker, so updates of one room reach it in order.
   * @param payloadJson the payload, if all updates share one
   */
  async function publishEach (caller: Caller, updates: unknown[], payloadJson?: string): Promise<Array<PromiseSettledResult<Receipt>>> {
    const refused = new Map<RoomKey, RoomcastError>()
    return await Promise.allSettled(updates.map(async given => {
      const update = updateValidator.parse(given)
      const room = roomKey(update)
      try {
        const earlier = refused.get(room)
        if (earlier !== undefined) throw earlier
        return await send(caller.sub, admitted(caller, update), update, payloadJson)
      } catch (error) {
        const known = toRoomcastError(error)
        if (known.retryable) refused.set(room, known)
        countFailed(update, error)
        throw error
      }
    }))
  }

  /** Checks rate and capability. @returns the user id of the update */
  function admitted ({ sub, capabilities }: Caller, update: HttpPublish): string {
    if (!rates.take(sub)) throw limitError(metrics, 'publish-rate')
    authorize(capabilities, 'publish', update)
    // Only a manager of the room may publish for another user.
    return update.userId !== undefined && can(capabilities, 'manage', update) ? update.userId : sub
  }

  async function send (sub: string, userId: string, update: HttpPublish, payloadJson = payloadText(update.payload)): Promise<Receipt> {
    const { event, id: callerId } = update
    const room = roomKey(update)
    const kind = kindOf(update)
    const startedAt = performance.now()
    const receipt = await tracePublish(room, kind, trace => {
      const publication = { room, event, payloadJson, userId, sub, callerId, trace }
      return kind === 'ephemeral' ? broker.publishEphemeral(publication) : broker.publish(publication)
    })
    metrics.publishSeconds.observe((performance.now() - startedAt) / 1000)
    metrics.published.inc({ kind, outcome: receipt.duplicate ? 'duplicate' : 'published' })
    return receipt
  }

  function countFailed (update: HttpPublish, error: unknown): void {
    metrics.published.inc({ kind: kindOf(update), outcome: toRoomcastError(error).code })
  }

  /** Checks the payload and encodes it once. */
  function payloadText (payload: unknown): string {
    if (isDeeperThan(payload, settings.MAX_PAYLOAD_DEPTH)) {
      throw limitError(metrics, 'payload-depth', `payload: nested deeper than ${settings.MAX_PAYLOAD_DEPTH} levels (MAX_PAYLOAD_DEPTH).`, 'request/invalid')
    }
    const text = JSON.stringify(payload)
    const bytes = Buffer.byteLength(text)
    if (bytes <= settings.MAX_PAYLOAD_BYTES) return text
    throw limitError(metrics, 'payload-bytes', `The payload has ${bytes} bytes, but only ${settings.MAX_PAYLOAD_BYTES} are allowed (MAX_PAYLOAD_BYTES): send less data, or a reference to it.`, 'publish/payload-too-large')
  }
}

function kindOf ({ ephemeral }: HttpPublish): Kind {
  return ephemeral === true ? 'ephemeral' : 'update'
}
