// A clock on the wall that a test can set, for one process: libfaketime, of Debian's package faketime. What measures durations goes on.
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'

const LIBRARIES = '/usr/lib'

export interface WallClock {
  /** For the environment of a process. */
  env: Record<string, string>
  /** From now on it differs from the true time by so many hours. */
  set (hours: number): void
}

export function startWallClock (t: Test): WallClock {
  const file = join(t.testdir(), 'offset')
  const set = (hours: number) => writeFileSync(file, `${hours < 0 ? '' : '+'}${hours}h\n`)
  set(0)
  return {
    env: { LD_PRELOAD: libraryPath(), FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' },
    set
  }
}

/** The environment of a process whose clock is ahead by so many seconds. */
export function aheadBy (seconds: number): Record<string, string> {
  return { LD_PRELOAD: libraryPath(), FAKETIME: `+${seconds}s`, FAKETIME_DONT_FAKE_MONOTONIC: '1' }
}

/** In the folder of the machine's architecture. */
function libraryPath (): string {
  const path = join('faketime', 'libfaketimeMT.so.1')
  const folder = readdirSync(LIBRARIES).find(name => name.includes('-linux-') && readdirSync(join(LIBRARIES, name)).includes('faketime'))
  if (folder === undefined) throw new Error('libfaketime is not there: install the package faketime')
  return join(LIBRARIES, folder, path)
}
