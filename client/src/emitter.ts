// Listeners by event.

type Listener = (data: never) => void

export function createEmitter () {
  const listeners = new Map<string, Set<Listener>>()
  return {
    /** `on` and `off` are methods of whatever carries them, and answer it. */
    on<T> (this: T, event: string, listener: Listener): T {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener))
      return this
    },
    off<T> (this: T, event: string, listener: Listener): T {
      listeners.get(event)?.delete(listener)
      return this
    },
    /** Answers how many listen. */
    emit (event: string, data: unknown): number {
      const all = [...listeners.get(event) ?? []]
      for (const listener of all) {
        try {
          listener(data as never)
        } catch (error) {
          // It shows as uncaught, and the other listeners still hear.
          queueMicrotask(() => { throw error })
        }
      }
      return all.length
    }
  }
}
