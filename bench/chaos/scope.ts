// The lifetime of a run. Everything that helpers start ends with it, in reverse order.
import type { Scope } from '../../test/helpers/scope.ts'

export interface RunScope extends Scope {
  fail (): void
  close (): Promise<void>
}

export function createScope (): RunScope {
  const teardowns: Array<() => unknown> = []
  let isPassing = true
  return {
    teardown (fn: () => unknown) { teardowns.unshift(fn) },
    passing: () => isPassing,
    fail () { isPassing = false },
    async close () {
      for (const teardown of teardowns.splice(0)) await teardown()
    }
  }
}
