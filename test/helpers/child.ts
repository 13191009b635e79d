// A real child process: its output is kept, and it is gone when the test is over, also when it hangs or is stopped.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Scope } from './scope.ts'
import { eventually } from './eventually.ts'

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface Child {
  process: ChildProcess
  pid: number
  exited: Promise<Exit>
  isRunning (): boolean
  /** Everything it wrote so far, both streams. */
  output (): string
  kill (signal?: NodeJS.Signals): Promise<Exit>
  pause (): void
  resume (): void
}

export async function startChild (
  t: Scope, command: string, args: string[], env: NodeJS.ProcessEnv = process.env, deathSignal = 'KILL', cwd?: string
): Promise<Child> {
  // A tap process that is killed runs no teardown; Linux then kills the child for us, under the same pid.
  const [file, ...fileArgs] = process.platform === 'linux'
    ? ['setpriv', '--pdeathsig', deathSignal, command, ...args]
    : [command, ...args]
  const child = spawn(file ?? command, fileArgs, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] })

  let output = ''
  const keep = (text: string) => { output += text }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)

  let running = true
  const exited = new Promise<Exit>(resolve => {
    child.once('close', (code, signal) => {
      running = false
      resolve({ code, signal })
    })
  })

  function kill (signal: NodeJS.Signals = 'SIGKILL') {
    child.kill(signal)
    return exited
  }

  t.teardown(() => kill())
  await once(child, 'spawn')
  return {
    process: child,
    pid: child.pid ?? 0,
    exited,
    isRunning: () => running,
    output: () => output,
    kill,
    pause: () => { child.kill('SIGSTOP') },
    resume: () => { child.kill('SIGCONT') }
  }
}

/** Waits until it is ready, and fails at once, with its output, when it ends before. */
export async function untilReady (child: Child, what: string, isReady: () => Promise<boolean>, timeoutMs?: number): Promise<void> {
  await eventually(async () => !child.isRunning() || await isReady(), timeoutMs)
  if (child.isRunning()) return
  const { code, signal } = await child.exited
  throw new Error(`${what} ended with ${signal ?? code} before it was ready:\n${child.output()}`)
}
