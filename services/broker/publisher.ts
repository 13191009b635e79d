// Publishing, the same from both gateways: rate, capability, size, then the broker. The app around the service is trusted: size, then the broker.
import { performance } from 'node:perf_hooks'
import { authorize, can } from '../access/capabilities.ts'
import type { Broker } from './broker.ts'
import { RoomcastError, toRoomcastError } from '../wire/errors.ts'
import type { Identity } from '../access/identity.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { HostPublish, HttpPublish, Receipt } from '../wire/protocol.ts'
import { createRates } from '../access/rate.ts'
import { roomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'
import { tracePublish } from '../observe/tracing.ts'
import { isDeeperThan } from '../wire/validation.ts'

type Kind = 'update' | 'ephemeral'

export interface Publisher {
  /**
   * @param caller who publishes; `capabilities` may be more than the identity's own, by a room token
   * @throws RoomcastError `limit/publish-rate`, `auth/forbidden`, `publish/payload-too-large`, `request/invalid`, `broker/…`
   */
  publish (caller: Pick<Identity, 'sub' | 'capabilities'>, update: HttpPublish): Promise<Receipt>
  /** @throws RoomcastError `publish/payload-too-large`, `request/invalid`, `broker/…` */
  publishTrusted (update: HostPublish): Promise<Receipt>
}

/** No token has an empty `sub`: ids of the app around the service never meet those of a caller. */
const HOST_SUB = ''

export function createPublisher ({ broker, settings, metrics }: { broker: Broker, settings: Settings, metrics: Metrics }): Publisher {
  const rates = createRates(settings.PUBLISHES_PER_SECOND, settings.PUBLISH_BURST)

  return {
    async publish ({ sub, capabilities }, update) {
      try {
        if (!rates.take(sub)) {
          metrics.limits.inc({ limit: 'publish-rate' })
          throw new RoomcastError('limit/publish-rate')
        }
        authorize(capabilities, 'publish', update)
        // Only a manager of the room may speak for another.
        const userId = update.userId !== undefined && can(capabilities, 'manage', update) ? update.userId : sub
        return await send(sub, userId, update)
      } catch (error) {
        countFailed(update, error)
        throw error
      }
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

  async function send (sub: string, userId: string, update: HttpPublish): Promise<Receipt> {
    const payloadJson = payloadText(update.payload)
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
      metrics.limits.inc({ limit: 'payload-depth' })
      throw new RoomcastError('request/invalid', `payload: nested deeper than ${settings.MAX_PAYLOAD_DEPTH} levels (MAX_PAYLOAD_DEPTH).`)
    }
    const text = JSON.stringify(payload)
    const bytes = Buffer.byteLength(text)
    if (bytes <= settings.MAX_PAYLOAD_BYTES) return text
    metrics.limits.inc({ limit: 'payload-bytes' })
    throw new RoomcastError('publish/payload-too-large', `The payload has ${bytes} bytes, ${settings.MAX_PAYLOAD_BYTES} are allowed: send less, or a reference to the data.`)
  }
}

function kindOf ({ ephemeral }: HttpPublish): Kind {
  return ephemeral === true ? 'ephemeral' : 'update'
}
