// What a process has used of the machine: processor time of all its threads, and memory; its children included.
import { readdirSync, readFileSync } from 'node:fs'

/** In microseconds, from the schedstat of every thread: exact to the nanosecond, where /proc/PID/stat counts ticks of 10 ms. */
export function processorMicroseconds (pid: number): number {
  return family(pid).reduce((sum, each) => sum + threadsOf(each).reduce((time, thread) => time + runTime(`/proc/${each}/task/${thread}/schedstat`), 0), 0)
}

/** The resident set, in KiB. */
export function residentKib (pid: number): number {
  return family(pid).reduce((sum, each) => sum + Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1] ?? 0), 0)
}

function family (pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  return [pid, ...children.flatMap(family)]
}

function threadsOf (pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`)
}

/** 0 for a thread that has just ended. */
function runTime (path: string): number {
  try {
    return Number(readFileSync(path, 'utf8').split(' ')[0]) / 1000
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0
    throw error
  }
}
