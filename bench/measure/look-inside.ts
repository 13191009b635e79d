// What only a process itself knows, asked from outside: its memory after garbage collection, and how its event loop fares.
import { fileURLToPath } from 'node:url'
import { HOST } from '../../test/helpers/ports.ts'

export interface LoopReport {
  /** How late timers were: 99 of 100 at most so late. */
  p99Ms: number
  longestMs: number
  /** The longest stretch of processor time without a turn; what others on the machine took is not in it. */
  longestBlockMs: number
}

const program = fileURLToPath(new URL('inside.js', import.meta.url))

/** How a server is started so that it can be asked. */
export const INSIDE = {
  args: ['--import', program],
  env: (port: number) => ({ BENCH_INSIDE_PORT: String(port) })
}

/** Collects garbage. */
export async function collectGarbage (port: number): Promise<void> {
  await (await fetch(`http://${HOST}:${port}/collect`)).text()
}

/** Since it was last asked; the first time begins the watch. */
export async function askLoop (port: number): Promise<LoopReport> {
  return await (await fetch(`http://${HOST}:${port}/loop`)).json() as LoopReport
}
