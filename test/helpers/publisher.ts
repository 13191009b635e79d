// A publisher that goes on through every fault: 1, 2, 3 … to one room, each repeated with the same id until it is answered 2xx.
import { setTimeout as pause } from 'node:timers/promises'
import { call } from './http.ts'
import type { Scope } from './scope.ts'
import { token } from './token.ts'

/** An attempt without an answer for this long is given up, as a caller would: its instance may be stopped. */
const ATTEMPT_MS = 3000

export interface Publisher {
  /** How many were answered 2xx: all of 1 … this. */
  acknowledged (): number
  /** Answers other than 200, by status or error code. */
  refusals: Map<string, number>
  /** Resolves, when the one under way is answered, with how many there are. */
  stop (): Promise<number>
}

export function keepPublishing (t: Scope, urls: string[], workspaceId: string, appId: string, { pauseMs = 5, name = 'publisher' } = {}): Publisher {
  const bearer = token({ sub: name })
  const refusals = new Map<string, number>()
  let acknowledged = 0
  let attempts = 0
  let isStopping = false

  async function attempt (n: number): Promise<boolean> {
    const url = urls[attempts++ % urls.length] as string
    const refuse = (reason: string) => { refusals.set(reason, (refusals.get(reason) ?? 0) + 1) }
    try {
      const { status, body } = await call(url, 'POST', '/api/v1/publish', {
        token: bearer,
        body: { workspaceId, appId, event: 'N', payload: n, id: `${name}-${n}` },
        signal: AbortSignal.timeout(ATTEMPT_MS)
      })
      if (status !== 200) refuse(body.error?.code ?? String(status))
      return status === 200
    } catch (error) {
      refuse((error as Error).name)
      return false
    }
  }

  async function run (): Promise<void> {
    while (!isStopping) {
      if (await attempt(acknowledged + 1)) acknowledged++
      await pause(pauseMs)
    }
  }

  const running = run()
  t.teardown(() => { isStopping = true })
  return {
    acknowledged: () => acknowledged,
    refusals,
    async stop () {
      isStopping = true
      await running
      return acknowledged
    }
  }
}

/** 1 … n, what a follower of such a publisher must have. */
export function upTo (n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1)
}
