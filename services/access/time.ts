// Time, by one rule for the whole service, since the clock on the wall can be set at any moment:
// 1. What a token or an operator says (`exp`, `nbf`, `iat`, `issuedBefore`) is a moment of the wall clock. It is compared
//    with Date.now() at every use, and a timer that waits for it looks at the wall clock again every LOOK_AGAIN_MS.
// 2. A duration of our own (a pause, a rate, a lease, a deadline) is measured with performance.now(), which nobody sets.
// 3. What protects, such as a revocation, is kept for CLOCK_STEP_MS longer than the wall clock asks for.

/** A clock that is set forward is noticed after at most this long. */
const LOOK_AGAIN_MS = 15_000

/** A clock may be wrong by as much without harm to what protects. */
export const CLOCK_STEP_MS = 24 * 3600 * 1000

/**
 * Calls back at a moment of the wall clock, never before it.
 * @param moment milliseconds since 1970, however far
 * @returns what cancels it
 */
export function at (moment: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout
  function wait (): void {
    timer = setTimeout(look, Math.min(LOOK_AGAIN_MS, Math.max(0, moment - Date.now())))
    timer.unref()
  }
  function look (): void {
    if (Date.now() >= moment) callback()
    else wait()
  }
  wait()
  return () => clearTimeout(timer)
}
