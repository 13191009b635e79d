// Instances of the built service as child processes, to be loaded, stopped and killed.
import type { ChildProcess } from 'node:child_process'
import type { Scope } from './scope.ts'
import { startChild, untilReady, type Exit } from './child.ts'
import { eventually } from './eventually.ts'
import { pathOf } from './paths.ts'
import { freePort, HOST } from './ports.ts'
import { TEST_SECRET } from './token.ts'

const server = pathOf('dist/server.js')

export interface Instance {
  url: string
  port: number
  pid: number
  process: ChildProcess
  exited: Promise<Exit>
  output (): string
  kill (signal?: NodeJS.Signals): Promise<Exit>
  pause (): void
  resume (): void
  /** Waits until /readyz answers 200. */
  ready (timeoutMs?: number): Promise<void>
}

/** Runs `node dist/server.js` (so build first) and resolves when it is live. Only `env` and a few defaults reach it. */
export async function startInstance (t: Scope, env: Record<string, string> = {}): Promise<Instance> {
  const port = env.PORT ? Number(env.PORT) : await freePort()
  const child = await startChild(t, process.execPath, [server], {
    // Not the whole environment: tap's own loaders and a developer's settings stay outside.
    PATH: process.env.PATH,
    NODE_ENV: 'test',
    HOST,
    PORT: String(port),
    LOG_LEVEL: 'warn',
    JWT_SECRET: TEST_SECRET,
    ...env
    // Where no .env of a developer lies.
  }, 'KILL', pathOf('dist'))
  const url = `http://${HOST}:${port}`
  t.teardown(() => {
    if (!t.passing()) process.stderr.write(`── output of the instance at ${url}\n${child.output()}`)
  })
  await untilReady(child, 'the service', () => answersOk(`${url}/livez`), 30_000)

  return {
    url,
    port,
    pid: child.pid,
    process: child.process,
    exited: child.exited,
    output: child.output,
    kill: child.kill,
    pause: child.pause,
    resume: child.resume,
    async ready (timeoutMs = 10_000) {
      await eventually(() => answersOk(`${url}/readyz`), timeoutMs)
    }
  }
}

/** `n` instances of the same settings, started side by side. */
export async function cluster<N extends number> (t: Scope, n: N, env: Record<string, string> = {}): Promise<Several<Instance, N>> {
  return await Promise.all(Array.from({ length: n }, () => startInstance(t, env))) as Several<Instance, N>
}

/** A tuple of that length, so that its parts can be named without a check each. */
export type Several<T, N extends number, Parts extends T[] = []> =
  number extends N ? T[] : Parts['length'] extends N ? Parts : Several<T, N, [...Parts, T]>

async function answersOk (url: string): Promise<boolean> {
  const response = await fetch(url)
  await response.text()
  return response.ok
}
