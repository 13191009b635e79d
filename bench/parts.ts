// What `npm run bench` measures besides the scenarios. Each puts its findings into the results, and returns a line about them.
import type { Results, Taken } from './report/results.ts'
import { measureStampede, STAMPEDE_CLIENTS, stampedeFaults } from './stampede.ts'
import { measureTracing } from './tracing.ts'

export interface Part {
  name: string
  /** About. */
  seconds: number
  isInQuick: boolean
  /** @param size clients or members, where fewer than usual are wanted */
  measure (results: Results, taken: Taken, size: number | undefined): Promise<string>
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
  },
  {
    name: 'stampede',
    seconds: 110,
    isInQuick: false,
    async measure (results, taken, size = STAMPEDE_CLIENTS) {
      const runs = []
      for (const fault of stampedeFaults) runs.push(await measureStampede(fault, size))
      results.stampedes = { runs, ...taken }
      return runs.map(({ fault, wholeSeconds }) => `${fault}: all whole after ${wholeSeconds?.toFixed(1) ?? 'never'} s`).join('; ')
    }
  }
]
