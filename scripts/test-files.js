// Runs compiled test files in separate processes, several at a time, and counts their assertions.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Parser } from 'tap-parser'

/** The timeout of a file: fault tests wait for failovers, leases and deadlines. Tap then reports what is still open. The long forms of some tests need more. */
const TIMEOUT_SECONDS = Number(process.env.TEST_TIMEOUT_SECONDS ?? 240)

/** Ends a file whose event loop hangs, which tap cannot end. */
const KILL_AFTER_MS = (TIMEOUT_SECONDS + 15) * 1000

/** The folder for the output and duration of every file. */
const LOGS = '.tap/logs'
const DURATIONS = '.tap/durations.json'

/**
 * @param {string[]} files `test/….test.ts`, compiled to dist/
 * @param {{ jobs: number, isVerbose?: boolean, node?: string, env?: Record<string, string>, isSecondTry?: boolean, onEnd?: (file: string, counts: object) => void }} options
 *   how many files run at a time; whether to show output immediately; the Node.js that runs them; further variables;
 *   whether a file that failed runs once more when all others have ended; told of each file
 * @returns {Promise<{ passed: number, failed: number, skipped: number }>} assertions of all files
 */
export async function runFiles (files, { jobs, isVerbose = false, node = process.execPath, env = {}, isSecondTry = false, onEnd = () => {} }) {
  const durations = readDurations()
  // The slowest first, so that all jobs end at about the same time. A new file counts as slow.
  const waiting = files.toSorted((a, b) => (durations[b] ?? Infinity) - (durations[a] ?? Infinity))
  const total = { passed: 0, failed: 0, skipped: 0 }
  const running = new Set()
  const again = []
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      for (const child of running) child.kill(signal)
      process.exit(1)
    })
  }

  async function work () {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const { counts, seconds } = await runFile(file, running, { isVerbose, node, env })
      durations[file] = seconds
      onEnd(file, counts)
      if (isSecondTry && counts.failed + counts.skipped > 0 && !again.includes(file)) again.push(file)
      else for (const outcome of Object.keys(total)) total[outcome] += counts[outcome]
    }
  }

  await Promise.all(Array.from({ length: jobs }, work))
  waiting.push(...again)
  await work()
  writeFileSync(DURATIONS, JSON.stringify(durations, null, 2))
  return total
}

async function runFile (file, running, { isVerbose, node, env }) {
  const startedAt = performance.now()
  const child = spawn(node, ['--enable-source-maps', `dist/${file.replace(/\.ts$/, '.js')}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env, TAP_TIMEOUT: String(TIMEOUT_SECONDS), TAP_FAIL_SKIP: '1', TAP_FAIL_TODO: '1' }
  })
  running.add(child)
  const killer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
  const output = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      output.push(chunk)
      if (isVerbose) process.stdout.write(chunk)
    })
  }
  const counting = count(child.stdout)
  const [code, signal] = await once(child, 'close')
  clearTimeout(killer)
  running.delete(child)

  const counts = await counting
  // A failed process is never clean, whatever it counted. A file without tests fails too.
  const isClean = code === 0 && counts.failed + counts.skipped === 0 && counts.passed > 0
  if (!isClean && counts.failed + counts.skipped === 0) counts.failed = 1

  const seconds = (performance.now() - startedAt) / 1000
  const log = keepLog(file, output)
  console.log(`${isClean ? 'ok    ' : 'not ok'} ${seconds.toFixed(1).padStart(6)} s  ${file} (${counts.passed})`)
  if (!isClean) console.log(`${isVerbose ? '' : Buffer.concat(output)}── ${file} ended with ${signal ?? code}; its output is kept in ${log}\n`)
  return { counts, seconds: Math.round(seconds * 10) / 10 }
}

async function count (stream) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const parser = new Parser()
  parser.on('result', ({ ok, skip, todo, diag }) => {
    // With fail-skip and fail-todo, tap reports skipped tests as failures, with the reason in the diagnostics.
    const isSkipped = skip || todo || diag?.failedSkip || diag?.failedTodo
    counts[isSkipped ? 'skipped' : ok ? 'passed' : 'failed']++
  })
  stream.pipe(parser)
  await once(parser, 'complete')
  return counts
}

function keepLog (file, output) {
  const log = `${LOGS}/${file}.tap`
  mkdirSync(dirname(log), { recursive: true })
  writeFileSync(log, Buffer.concat(output))
  return log
}

function readDurations () {
  try {
    return JSON.parse(readFileSync(DURATIONS, 'utf8'))
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return {}
  }
}
