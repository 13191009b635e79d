// Waits for what is asked about seldom, so that asking costs what is measured next to nothing.
import { setTimeout as pause } from 'node:timers/promises'

const PAUSE_MS = 100

/** @throws Error when it does not hold within `limitMs` */
export async function until (holds: () => Promise<boolean>, limitMs: number): Promise<void> {
  const startedAt = performance.now()
  while (!await holds()) {
    if (performance.now() - startedAt > limitMs) throw new Error(`not within ${limitMs} ms: ${String(holds)}`)
    await pause(PAUSE_MS)
  }
}
