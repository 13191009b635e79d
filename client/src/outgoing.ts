// What a room publishes: waits while away, and is repeated with the same id until there is a receipt or a final refusal.
import { ClientError, noAnswer, type ErrorInfo } from './errors.ts'
import type { Context } from './inner.ts'
import { createTimer } from './timers.ts'
import type { PublishOptions } from './types.ts'
import type { Receipt } from './wire.ts'

/** An ephemeral update that did not get through is of no use later: the receipt says so. */
const nowhere: Receipt = { id: '-', epoch: '-', offset: null, duplicate: false, instances: 0 }

export function createOutgoing (name: object, { ask, publishTimeoutMs }: Context) {
  /** What is not settled, in the order in which it was given: each is sent when it may be, or given up for a reason. */
  const pending = new Set<(reason?: ErrorInfo) => void>()
  const [setRetry, stopRetry] = createTimer()
  let isOpen = false

  function goOn (reason?: ErrorInfo): void {
    pending.forEach(send => send(reason))
  }

  return {
    publish: (event: string, payload: unknown, { id = `${Date.now()}-${Math.random()}`, ephemeral = false }: PublishOptions = {}) => new Promise<Receipt>((resolve, reject) => {
      const deadline = setTimeout(send, publishTimeoutMs, noAnswer)
      let isUnderWay = false

      function send (reason?: ErrorInfo): void {
        if (reason || (ephemeral && !isOpen)) return settle(reason)
        if (!isOpen || isUnderWay) return
        isUnderWay = true
        // A connection that ends before the answer counts as no answer.
        ask<Receipt>('publish', { ...name, event, payload, id, ephemeral }, (error, receipt) => {
          isUnderWay = false
          if (!error?.retryable) settle(error, receipt)
          else if (ephemeral) settle()
          else setRetry(goOn)
        })
      }

      function settle (error?: ErrorInfo | null, receipt = nowhere): void {
        clearTimeout(deadline)
        pending.delete(send)
        if (!pending.size) stopRetry()
        if (error) reject(new ClientError({ ...error, ...name, id }))
        else resolve(receipt)
      }

      pending.add(send)
      send()
    }),
    /** Sends what waits, or lets it wait, or fails it for a reason. */
    gate (open: boolean, reason?: ErrorInfo) {
      isOpen = open
      goOn(reason)
    }
  }
}
