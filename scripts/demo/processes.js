// The processes of the demo: each starts again when it ends, as under a supervisor, until the demo itself ends.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

/** One that ends again and again waits longer each time; one that ran for a while begins anew. */
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5000
const STEADY_MS = 10_000
/** To be ready, and to end. */
const PATIENCE_MS = 20_000

/**
 * @typedef {object} Program
 * @property {string} name what it is called in messages and by `kill`
 * @property {string} command
 * @property {string[]} args
 * @property {NodeJS.ProcessEnv} [env] that of this process where none is given
 * @property {string} [address] where it is reached, for the list
 * @property {() => Promise<boolean>} isReady
 * @property {boolean} [comesBack] starts again when it ends
 */

/**
 * @param {object} options
 * @param {string} options.cwd no folder of the user's, where a .env could lie
 * @param {(reason: string) => void} options.onLost one has ended for good
 * @param {(message: string) => void} options.tell
 */
export function createProcesses ({ cwd, onLost, tell }) {
  /** In the order of their start; they end in the opposite one. */
  const running = []
  /** While the first ones start, an end means that something is missing. */
  let mayRestart = false
  let isEnding = false

  function start (program) {
    // A process group of its own: Ctrl-C reaches the demo alone, which ends them in order.
    const child = spawn(program.command, program.args, { env: program.env ?? process.env, cwd, stdio: ['ignore', 'ignore', 'inherit'], detached: true })
    const startedAt = performance.now()
    const entry = running.find(({ name }) => name === program.name) ?? { ...program, pause: FIRST_PAUSE_MS }
    if (!running.includes(entry)) running.push(entry)
    entry.child = child
    child.once('error', error => onLost(error.code === 'ENOENT' ? `${program.command} is not installed (on Debian: apt-get install redis-server nginx)` : error.message))
    child.once('exit', (code, signal) => onExit(entry, `${program.name} (pid ${child.pid}) ended with ${signal ?? code}`, performance.now() - startedAt))
  }

  function onExit (entry, what, aliveMs) {
    if (isEnding) return
    if (!mayRestart || !entry.comesBack) return onLost(what)
    entry.pause = aliveMs > STEADY_MS ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, entry.pause * 2)
    setTimeout(() => {
      if (isEnding) return
      start(entry)
      tell(`${what}; it runs again as pid ${entry.child.pid}`)
    }, entry.pause)
  }

  async function untilReady (entry, other) {
    const deadline = performance.now() + PATIENCE_MS
    while (performance.now() < deadline) {
      if (isEnding) return
      if (entry.child.pid !== other && await entry.isReady().catch(() => false)) return
      await wait(50)
    }
    throw new Error(`${entry.name} was not ready within ${PATIENCE_MS / 1000} s`)
  }

  return {
    start,
    /** Waits until all are ready; from then on they start again by themselves. */
    async ready () {
      for (const entry of running) await untilReady(entry)
      mayRestart = true
    },
    list: () => running.map(({ name, address, child: { pid } }) => ({ name, address, pid })),
    /**
     * Ends one, and waits until it is back.
     * @returns {Promise<{ name: string, was: number, pid: number } | undefined>} undefined: there is none of that name
     */
    async end (name, signal) {
      const entry = running.find(entry => entry.name === name && entry.comesBack)
      if (entry === undefined) return undefined
      const { pid } = entry.child
      entry.child.kill(signal)
      await untilReady(entry, pid)
      return { name, was: pid, pid: entry.child.pid }
    },
    async close () {
      isEnding = true
      for (const { child } of running.toReversed()) {
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue
        child.kill('SIGTERM')
        await Promise.race([once(child, 'exit'), wait(PATIENCE_MS, undefined, { ref: false })])
      }
    },
    /** For an exit that cannot wait. */
    kill () {
      for (const { child } of running) child.kill('SIGKILL')
    }
  }
}
