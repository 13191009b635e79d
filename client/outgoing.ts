// What a room publishes: waits while away, and is repeated with the same id until there is a receipt or a final refusal.
import type { Receipt, Result } from '../services/wire/protocol.ts'
import type { RoomContext } from './room.ts'
import { backOff, clientError, ClientError, newId } from './tools.ts'
import type { ErrorInfo, PublishOptions } from './types.ts'

interface Pending {
  message: object
  attempts: number
  /** Sent, and the answer may still come. */
  isUnderWay: boolean
  isEphemeral: boolean
  settle: (result: Receipt | ErrorInfo) => void
}

/** An ephemeral update that did not get through is of no use later: the receipt says so. */
const nowhere: Receipt = { id: '-', epoch: '-', offset: null, duplicate: false, instances: 0 }

export function createOutgoing (name: object, { socket, publishTimeoutMs, answerTimeoutMs }: RoomContext) {
  const pending = new Set<Pending>()
  let isOpen = false

  function send (item: Pending): void {
    if (!isOpen || item.isUnderWay || !pending.has(item)) return
    item.isUnderWay = true
    socket.timeout(answerTimeoutMs).emit('publish', item.message, (late: Error | null, answer: Result<Receipt>) => {
      item.isUnderWay = false
      if (late === null && answer.error === null) return item.settle(answer.data)
      if (late === null && answer.error?.retryable === false) return item.settle(answer.error)
      if (item.isEphemeral) return item.settle(nowhere)
      setTimeout(() => send(item), backOff(item.attempts++))
    })
  }

  return {
    publish (event: string, payload: unknown, { id = newId(), ephemeral = false }: PublishOptions = {}): Promise<Receipt> {
      if (ephemeral && !isOpen) return Promise.resolve(nowhere)
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => settle(clientError('client/no-answer', 'Not published in time, or the answer was lost: repeat it with the same id.', true)), publishTimeoutMs)
        const settle = (result: Receipt | ErrorInfo): void => {
          clearTimeout(timer)
          pending.delete(item)
          if ('code' in result) reject(new ClientError(result))
          else resolve(result)
        }
        const item: Pending = { message: { ...name, event, payload, id, ephemeral }, attempts: 0, isUnderWay: false, isEphemeral: ephemeral, settle }
        pending.add(item)
        send(item)
      })
    },
    /** Sends what waits, in the order in which it was given. */
    open () {
      isOpen = true
      for (const item of pending) send(item)
    },
    pause () {
      isOpen = false
      // Answers to what was under way will not come any more.
      for (const item of pending) item.isUnderWay = false
    },
    close () {
      isOpen = false
      for (const item of pending) item.settle(clientError('client/closed', 'The room was left before the answer came.', true))
    }
  }
}
