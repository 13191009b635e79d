// What one run of the load is told, and how it is started: a process of its own, so that no run finds the last one's garbage.
import { fileURLToPath } from 'node:url'
import { startChild } from '../../test/helpers/child.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import type { BenchServer } from '../peers/peer.ts'
import type { Load, LoadResult } from '../scenarios/scenario.ts'

export interface LoadSpec {
  peer: string
  load: Load
  servers: BenchServer[]
  redisPid: number
  /** Where to publish, if not at the first server. */
  publishPort?: number
  /** How the names of its rooms begin, where two loads share servers. */
  workspace?: string
  /** Its process yields to all others on the machine. */
  isYielding?: boolean
}

const program = fileURLToPath(new URL('run.js', import.meta.url))

/** @throws Error with the output of the load where it failed */
export async function runLoad (scope: Scope, spec: LoadSpec): Promise<LoadResult> {
  const [command, ...args] = [...spec.isYielding === true ? ['nice', '-n', '19'] : [], process.execPath, '--enable-source-maps', program, JSON.stringify(spec)]
  const child = await startChild(scope, command as string, args, { PATH: process.env['PATH'] })
  const { code, signal } = await child.exited
  if (code !== 0) throw new Error(`the load ended with ${signal ?? code}:\n${child.output()}`)
  // The last line: whatever a runtime has to say comes before it.
  return JSON.parse(child.output().split('\n').at(-1) ?? '') as LoadResult
}
