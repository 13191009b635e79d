// The lifetime of a run: what the helpers start ends with it, the last first.
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
