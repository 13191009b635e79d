// Publishing, the same from both gateways: rate, capability, size, then the broker. The app around the service is trusted: size, then the broker.
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
import { isDeeperThan, parse } from '../wire/validation.ts'

type Kind = 'update' | 'ephemeral'
/** Who publishes; `capabilities` may be more than the identity's own, by a room token. */
type Caller = Pick<Identity, 'sub' | 'capabilities'>

export interface Publisher {
  /**
   * @throws RoomcastError `limit/publish-rate`, `auth/forbidden`, `publish/payload-too-large`, `request/invalid`, `broker/…`
   */
  publish (caller: Caller, update: HttpPublish): Promise<Receipt>
  /**
   * Publishes several updates side by side; one that fails does not stop the others. Where one is refused for now, those
   * after it in the same room are too: sent again together they keep their order.
   * @param updates each is checked by itself
   * @returns what became of each, in their order
   */
  publishAll (caller: Caller, updates: unknown[]): Promise<Array<PromiseSettledResult<Receipt>>>
  /**
   * Publishes one payload to several rooms, as `publishAll` does.
   * @throws RoomcastError `publish/payload-too-large`, `request/invalid`: nothing was published
   */
  publishMany (caller: Caller, rooms: unknown[], update: Pick<HttpPublish, 'event' | 'payload' | 'id'>): Promise<Array<PromiseSettledResult<Receipt>>>
  /** @throws RoomcastError `publish/payload-too-large`, `request/invalid`, `broker/…` */
  publishTrusted (update: HostPublish): Promise<Receipt>
}

/** No token has an empty `sub`: ids of the app around the service never meet those of a caller. */
const HOST_SUB = ''

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
   * Side by side: up to the broker each takes its turn at once, so updates of one room reach it in their order.
   * @param payloadJson the payload, where it is the same in all
   */
  async function publishEach (caller: Caller, updates: unknown[], payloadJson?: string): Promise<Array<PromiseSettledResult<Receipt>>> {
    const refused = new Map<RoomKey, RoomcastError>()
    return await Promise.allSettled(updates.map(async given => {
      const update = parse(HttpPublish, given)
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

  /** @returns whose update it is */
  function admitted ({ sub, capabilities }: Caller, update: HttpPublish): string {
    if (!rates.take(sub)) throw limitError(metrics, 'publish-rate')
    authorize(capabilities, 'publish', update)
    // Only a manager of the room may speak for another.
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

  /** The payload as the text that travels from here on. */
  function payloadText (payload: unknown): string {
    if (isDeeperThan(payload, settings.MAX_PAYLOAD_DEPTH)) {
      throw limitError(metrics, 'payload-depth', `payload: nested deeper than ${settings.MAX_PAYLOAD_DEPTH} levels (MAX_PAYLOAD_DEPTH).`, 'request/invalid')
    }
    const text = JSON.stringify(payload)
    const bytes = Buffer.byteLength(text)
    if (bytes <= settings.MAX_PAYLOAD_BYTES) return text
    throw limitError(metrics, 'payload-bytes', `The payload has ${bytes} bytes, ${settings.MAX_PAYLOAD_BYTES} are allowed: send less, or a reference to the data.`, 'publish/payload-too-large')
  }
}

function kindOf ({ ephemeral }: HttpPublish): Kind {
  return ephemeral === true ? 'ephemeral' : 'update'
}
