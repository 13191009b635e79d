// Publishes from a service: queues updates up to a limit, and reports their results.
import { ClientError, clientError, noAnswer } from '../errors.ts'
import { createItem, keyOf, type Item } from './item.ts'
import { createRequest } from './request.ts'
import { createSender } from './sender.ts'
import type { Publisher, PublisherOptions, PublishOptions, PublishResult, RoomName } from './types.ts'

const closed = clientError('client/closed', 'The publisher was closed.')

/**
 * Publishes to a Roomcast service over HTTP.
 * @param url its address, for example `https://live.example.com`
 * @throws TypeError if the address is invalid
 */
export function createPublisher<Events extends object = Record<string, unknown>> (url: string, options: PublisherOptions): Publisher<Events> {
  const { publishTimeoutMs = 60_000, maxWaiting = 10_000, maxWaitingBytes = 16_777_216, maxBatch = 100 } = options
  /** The unsettled items, with their promises. */
  const waiting = new Map<Item, { done: Promise<void>, onDone: () => void }>()
  const sender = createSender(createRequest(url, options), maxBatch, item => waiting.get(item)?.onDone())
  let count = 0
  let bytes = 0
  let isClosed = false

  /** Resolves when every part has a result. */
  async function take (rooms: RoomName[], isMany: boolean, event: string, payload: unknown, own: PublishOptions): Promise<Item> {
    if (isClosed) throw new ClientError(closed)
    const item = createItem(rooms, isMany, event, payload, own)
    if (count + item.parts.length > maxWaiting || bytes + item.bytes > maxWaitingBytes) {
      throw new ClientError({ ...clientError('client/queue-full', `${count} updates of ${bytes} bytes are waiting already: publish less, or check why the service does not accept them.`), id: item.id })
    }
    if (item.parts.length === 0) return item
    count += item.parts.length
    bytes += item.bytes
    const deadline = setTimeout(() => {
      const last = item.last === undefined ? '' : ` The last attempt: ${item.last.message}`
      sender.fail(item, { ...noAnswer, message: `${noAnswer.message}${last}` })
    }, publishTimeoutMs)
    let onDone = (): void => undefined
    const done = new Promise<void>(resolve => {
      onDone = () => {
        clearTimeout(deadline)
        waiting.delete(item)
        count -= item.parts.length
        bytes -= item.bytes
        resolve()
      }
    })
    waiting.set(item, { done, onDone })
    sender.add(item)
    await done
    return item
  }

  async function flush (): Promise<void> {
    await Promise.all([...waiting.values()].map(({ done }) => done))
  }

  return {
    get waiting () { return count },

    async publish (room, event, payload, own = {}) {
      const { parts: [part] } = await take([room], false, event, payload, own)
      const { data, error } = part?.result as PublishResult
      if (error !== null) throw new ClientError(error)
      return data
    },

    async publishMany (rooms, event, payload, own = {}) {
      const { parts } = await take(rooms, true, event, payload, own)
      const results = new Map(parts.map(({ room, result }) => [room, result as PublishResult]))
      return rooms.map(room => results.get(keyOf(room)) as PublishResult)
    },

    flush,

    async close ({ timeoutMs } = {}) {
      isClosed = true
      const giveUp = () => {
        sender.abort()
        for (const item of waiting.keys()) sender.fail(item, closed)
      }
      const end = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs)
      await flush()
      clearTimeout(end)
    }
  }
}
