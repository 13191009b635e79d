// A promise with a deadline, so that a test that waits in vain says for what.
import { createClock } from './clock.ts'

export async function within<T> (timeoutMs: number, what: string | (() => string), promise: Promise<T>): Promise<T> {
  const clock = createClock()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((resolve, reject) => {
    function wait (): void {
      const leftMs = timeoutMs - clock.now()
      if (leftMs > 0) timer = setTimeout(wait, leftMs)
      else reject(new Error(`${typeof what === 'string' ? what : what()}: not within ${timeoutMs} ms`))
    }
    wait()
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
    clock.stop()
  }
}
