// Timers to a moment in time, however far: setTimeout over 24.8 days fires at once.

const LONGEST_MS = 2 ** 31 - 1

/** Calls back at the moment; answers what cancels it. */
export function at (moment: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout
  function wait (): void {
    const left = moment - Date.now()
    timer = left <= LONGEST_MS
      ? setTimeout(callback, Math.max(0, left))
      : setTimeout(wait, LONGEST_MS)
    timer.unref()
  }
  wait()
  return () => clearTimeout(timer)
}
