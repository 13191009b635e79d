// Everyone back at once, as a section and as curves.
import { formatTable } from '../chaos/table.ts'
import { REDIS_AWAY_MS, type StampedeResult } from '../stampede.ts'
import { formatNumber } from './format.ts'
import type { Chart } from './plot.ts'
import type { Taken } from './results.ts'
import { taken } from './taken.ts'

/** What docs and tests promise. */
const ALLOWED_SECONDS = 10

export function stampedeCharts (runs: StampedeResult[]): Chart[] {
  return runs.map(({ fault, curve }) => ({
    title: `Clients after: ${fault}`,
    x: 'seconds',
    mark: { x: ALLOWED_SECONDS, label: 'allowed' },
    series: [
      { name: 'in their rooms', points: curve.map(([seconds, back]) => [seconds, back]) },
      { name: 'with everything', points: curve.map(([seconds, , whole]) => [seconds, whole]) }
    ]
  }))
}

export function stampedeSection ({ runs, ...about }: { runs: StampedeResult[] } & Taken, plot: string): string {
  const seconds = (value: number | null) => value === null ? 'not all' : `${value.toFixed(1)} s`
  const clients = runs[0]?.clients ?? 0
  return `## Everyone back at once

${formatNumber(clients)} clients on three instances behind \`deploy/nginx.conf\`, ${runs[0]?.rooms} rooms, each client in two of them, an update every 2 seconds in each room; all on this one machine, limits as they come. Clients pause before they reconnect as stock ones do (1 s, then twice as long up to 5 s, each plus or minus half). **Whole** means: in both rooms, with every update that was answered half a second before; after a restart of Redis, which is away for ${REDIS_AWAY_MS / 1000} seconds, with one at least that was answered since. ${taken(about)}

![Clients back and whole over time](${plot})

${formatTable(
  ['fault', 'away at most', 'all back', 'all whole', 'history reads of an instance', 'event loop p99', 'longest stall', 'longest block', 'turned away for now', 'for good', 'told to load anew', 'repeated or after a hole'],
  runs.map(({ fault, mostAway, backSeconds, wholeSeconds, historyReads, loop, refused, refusedForGood, told, wrong }) => [
    fault, formatNumber(mostAway), mostAway === 0 ? 'all stayed' : seconds(backSeconds), seconds(wholeSeconds), historyReads,
    `${formatNumber(loop.p99Ms)} ms`, `${formatNumber(loop.longestMs)} ms`, `${formatNumber(loop.longestBlockMs)} ms`, refused, refusedForGood, formatNumber(told), wrong
  ])
)}

The event loop is that of the surviving instance that was latest. A stall counts whatever kept the loop waiting, other programs on the machine among them; a block is processor time that it used itself without a turn.`
}
