// Updates per minute of a room: a decaying count, which costs one addition when updates leave.
import { performance } from 'node:perf_hooks'

const MINUTE_MS = 60_000

export interface Pace {
  /** Counts updates. */
  add (count: number): void
  /** About the updates of the last minute. */
  perMinute (): number
}

export function createPace (now: () => number = () => performance.now()): Pace {
  return new FadingCount(now)
}

/** A class: each room has one. */
class FadingCount implements Pace {
  private readonly now: () => number
  private count = 0
  private at: number

  constructor (now: () => number) {
    this.now = now
    this.at = now()
  }

  add (count: number): void {
    this.fade()
    this.count += count
  }

  perMinute (): number {
    this.fade()
    return Math.round(this.count)
  }

  private fade (): void {
    const time = this.now()
    this.count *= Math.exp((this.at - time) / MINUTE_MS)
    this.at = time
  }
}
