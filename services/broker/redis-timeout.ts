// An end in time for every answer of Redis.

export class TimeoutError extends Error {}

/** The promise, or a TimeoutError after `ms`; what the promise does later is no one's concern. */
export function withTimeout<T> (promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new TimeoutError('Redis did not answer in time')), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
