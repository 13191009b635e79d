// Limits the wait for an answer of Redis.

export class TimeoutError extends Error {}

/**
 * The result of the promise. A later result is ignored.
 * @throws TimeoutError after `ms` milliseconds
 */
export function withTimeout<T> (promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new TimeoutError('Redis did not answer in time')), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
