// An emitter: listeners by event.

type Listener = (data: never) => void

export function createEmitter () {
  const listeners = new Map<string, Set<Listener>>()
  return {
    /** `on` and `off` are methods of the object that has them, and return it. */
    on<T> (this: T, event: string, listener: Listener): T {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener))
      return this
    },
    off<T> (this: T, event: string, listener: Listener): T {
      listeners.get(event)?.delete(listener)
      return this
    },
    /** Calls the listeners. @returns their number */
    emit (event: string, data: unknown): number {
      const all = [...listeners.get(event) ?? []]
      for (const listener of all) {
        try {
          listener(data as never)
        } catch (error) {
          // Rethrown later as uncaught, so that the other listeners still run.
          queueMicrotask(() => { throw error })
        }
      }
      return all.length
    }
  }
}
