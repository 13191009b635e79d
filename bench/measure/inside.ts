// Loaded into a server that is measured (`node --import`): answers on a port of its own, and does nothing until it is asked.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { performance } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { HOST } from '../../test/helpers/ports.ts'
import { quantile } from './statistics.ts'

const TICK_MS = 5
const mainThread = `/proc/self/task/${process.pid}/schedstat`
let late: number[] = []
let blocks: number[] = []
let timer: NodeJS.Timeout | undefined
const port = process.env['BENCH_INSIDE_PORT']

/** Processor time of the main thread, in milliseconds. */
function runTime (): number {
  return Number(readFileSync(mainThread, 'utf8').split(' ')[0]) / 1e6
}

function watch (): void {
  let at = performance.now()
  let ran = runTime()
  timer ??= setInterval(() => {
    const [now, runs] = [performance.now(), runTime()]
    late.push(Math.max(0, now - at - TICK_MS))
    blocks.push(runs - ran)
    at = now
    ran = runs
  }, TICK_MS).unref()
}

function report (): object {
  const found = { p99Ms: quantile(late, 0.99), longestMs: Math.max(0, ...late), longestBlockMs: Math.max(0, ...blocks) }
  late = []
  blocks = []
  return found
}

function collect (): object {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
  gc()
  return {}
}

// Not in whatever the server starts in turn.
delete process.env['BENCH_INSIDE_PORT']
if (port !== undefined) {
  createServer((request, response) => {
    if (request.url === '/loop') watch()
    response.end(JSON.stringify(request.url === '/loop' ? report() : collect()))
  }).listen(Number(port), HOST).unref()
}
