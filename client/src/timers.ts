// What the client waits for, each of which can be called off: nothing is left running after `close`.

const FIRST_RETRY_MS = 250
/** Up to 8 s. */
const DOUBLINGS = 5
/** Attempts that are closer to each other belong together: each waits longer than the one before. */
const SERIES_MS = 20_000
const FIRST_RENEWAL_MS = 500
const LAST_RENEWAL_MS = 10_000

/**
 * A timer to be set, in place of what was set before, and to be stopped. Without `ms` it is for another attempt: longer
 * each time, not the same for everyone, and nothing is changed where one is waiting already.
 */
export function createTimer (): [set: (ring: () => void, ms?: number) => void, stop: () => void] {
  let timer: ReturnType<typeof setTimeout> | undefined
  let attempts = 0
  let last = 0

  function stop (): void {
    timer = clearTimeout(timer) as undefined
  }

  return [(ring, ms) => {
    if (!ms) {
      if (timer) return
      attempts = Date.now() - last < SERIES_MS ? attempts + 1 : 0
      last = Date.now()
      ms = FIRST_RETRY_MS * 2 ** Math.min(DOUBLINGS, attempts) * (0.5 + Math.random() / 2)
    }
    stop()
    timer = setTimeout(() => {
      stop()
      ring()
    }, ms)
  }, stop]
}

/**
 * How long to wait before a token that runs out is renewed. The service tells at once of one that lives for less than
 * its notice: a part of what is left passes first, so that no endless stream of requests comes of it.
 */
export function renewalWait (expiresAt: number): number {
  return Math.min(LAST_RENEWAL_MS, Math.max(FIRST_RENEWAL_MS, (expiresAt - Date.now()) / 2))
}
