// What `npm run bench` measures besides the scenarios. Each puts its findings into the results, and returns a line about them.
import type { Results, Taken } from './report/results.ts'
import { measureTracing } from './tracing.ts'

export interface Part {
  name: string
  /** About. */
  seconds: number
  isInQuick: boolean
  measure (results: Results, taken: Taken): Promise<string>
}

export const parts: Part[] = [
  {
    name: 'tracing',
    seconds: 8,
    isInQuick: true,
    async measure (results, taken) {
      const cost = await measureTracing()
      results.tracing = { ...cost, ...taken }
      return `${cost.plainMicroseconds.toFixed(2)} µs a publish without, ${cost.tracedMicroseconds.toFixed(2)} µs with`
    }
  }
]
