// The publishes of a room. They wait while disconnected, and are retried with the same id until a receipt or a final refusal.
import { ClientError, noAnswer, type ErrorInfo } from './errors.ts'
import type { Context } from './inner.ts'
import { createTimer } from './timers.ts'
import type { PublishOptions } from './types.ts'
import type { Receipt } from './wire.ts'

/** The receipt of an ephemeral update that was not delivered. It is useless later, so it is not retried. */
const nowhere: Receipt = { id: '-', epoch: '-', offset: null, duplicate: false, instances: 0 }

export function createOutgoing (name: object, { ask, publishTimeoutMs }: Context) {
  /** The unsettled updates, in order. Each is sent when possible, or fails with an error. */
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
        // If the connection ends before the answer, that counts as no answer.
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
    /** Sends the waiting updates, lets them wait, or fails them. */
    gate (open: boolean, reason?: ErrorInfo) {
      isOpen = open
      goOn(reason)
    }
  }
}
