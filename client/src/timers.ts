// The timers of the client. All can be stopped, so that nothing is left running after `close`.

/** The first pause is this long, or up to twice as long. */
const LEAST_RETRY_MS = 125
/** The longest pause is 8 s. */
const DOUBLINGS = 5
/** Attempts within this time belong together: each waits longer than the one before. */
const SERIES_MS = 20_000
const FIRST_RENEWAL_MS = 500
const LAST_RENEWAL_MS = 10_000

/**
 * A timer that can be set again and stopped. Without `ms` it is a retry timer: each pause is longer, with jitter, and a timer
 * that is already waiting is left alone.
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
      ms = LEAST_RETRY_MS * 2 ** Math.min(DOUBLINGS, attempts) * (1 + Math.random())
    }
    stop()
    timer = setTimeout(() => {
      stop()
      ring()
    }, ms)
  }, stop]
}

/**
 * How long to wait before a token is renewed that expires soon. The service reports a short-lived token at once, so a part
 * of its remaining time passes first, to avoid an endless stream of requests.
 */
export function renewalWait (expiresAt: number): number {
  return Math.min(LAST_RENEWAL_MS, Math.max(FIRST_RENEWAL_MS, (expiresAt - Date.now()) / 2))
}
