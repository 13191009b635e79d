// Small parts that the client and its rooms share.
import type { ErrorInfo } from './types.ts'

const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 8000
const SOON_MS = 10_000

type Listener<T> = (data: T) => void

export function createEmitter<Events extends object> () {
  const listeners = new Map<keyof Events, Set<Listener<never>>>()
  return {
    on<E extends keyof Events> (event: E, listener: Listener<Events[E]>) {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener))
    },
    off<E extends keyof Events> (event: E, listener: Listener<Events[E]>) {
      listeners.get(event)?.delete(listener)
    },
    emit<E extends keyof Events> (event: E, data: Events[E]) {
      for (const listener of [...listeners.get(event) ?? []]) (listener as Listener<Events[E]>)(data)
    }
  }
}

/** How long to wait before the next attempt: longer each time, and not the same for everyone. */
export function backOff (attempts: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempts) * (0.5 + Math.random() / 2)
}

/**
 * Renews what runs out, when told so. A token that lives for less than the notice, or that is given again, is told of
 * at once: then half of what is left passes first, so that no endless stream of requests comes of it.
 */
export function createRenewal (renew: () => void): (expiresAt: number) => void {
  let last = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  return expiresAt => {
    const now = Date.now()
    const wait = now - last < SOON_MS ? Math.min(SOON_MS, Math.max(1000, (expiresAt - now) / 2)) : 0
    clearTimeout(timer)
    timer = setTimeout(() => {
      last = Date.now()
      renew()
    }, wait)
  }
}

/** Works where crypto.randomUUID does not: on pages that came over plain HTTP. */
export function newId (): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('')
}

export class ClientError extends Error {
  readonly code: string
  readonly retryable: boolean

  constructor ({ code, name, message, retryable }: ErrorInfo) {
    super(message)
    this.name = name
    this.code = code
    this.retryable = retryable
  }
}

export function clientError (code: string, message: string, retryable: boolean): ErrorInfo {
  return { code, name: 'ClientError', message, retryable }
}

/** Whether trying again, with a fresh token, may help. */
export function mayPass ({ code, retryable }: { code: string, retryable?: boolean }): boolean {
  return retryable === true || code === 'auth/token-expired' || /^(limit|server|broker|client)\//.test(code)
}
