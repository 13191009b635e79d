// The command line as its users run it: `roomcast …` in an empty folder, with the environment that is given and no more.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import type { Scope } from './scope.ts'
import { startChild, type Child } from './child.ts'
import { pathOf } from './paths.ts'

const command = pathOf('dist/cli/roomcast.js')

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs it to its end. */
export async function roomcast (args: string[], env: Record<string, string> = {}, { input = '', cwd = tmpdir() } = {}): Promise<Ran> {
  const child = spawn(command, args, { cwd, env: { PATH: process.env.PATH, ...env }, stdio: 'pipe' })
  const ran: Ran = { code: null, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => { ran.stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { ran.stderr += text })
  child.stdin.end(input)
  const [code] = await once(child, 'close') as [number | null]
  return { ...ran, code }
}

/** Starts a command that goes on until it is told to stop. */
export async function startRoomcast (t: Scope, args: string[], env: Record<string, string> = {}, cwd = tmpdir()): Promise<Child> {
  return await startChild(t, process.execPath, [command, ...args], { PATH: process.env.PATH, ...env }, 'TERM', cwd)
}
