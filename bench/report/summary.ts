// From the runs of one scenario to its figures.
import { median } from '../measure/statistics.ts'
import { REFERENCE } from '../peers/peers.ts'
import { sum, type Figure, type LoadResult, type Scenario } from '../scenarios/scenario.ts'
import type { ScenarioResult, Taken, Value } from './results.ts'

export interface Run {
  round: number
  peer: string
  result: LoadResult
}

export function summarize ({ about, figures }: Scenario, runs: Run[], taken: Taken): ScenarioResult {
  const names = [...new Set(runs.map(({ peer }) => peer))]
  return {
    ...taken,
    about,
    rounds: new Set(runs.map(({ round }) => round)).size,
    figures: figures.map(figure => {
      const { name, unit, isCompared } = figure
      return { name, unit, isCompared, byPeer: Object.fromEntries(names.map(peer => [peer, valueOf(figure, peer, runs)])) }
    }),
    wrong: Object.fromEntries(names.map(name => [name, sum(runs.filter(({ peer }) => peer === name).map(({ result }) => wrongIn(result)))]))
  }
}

export function wrongIn ({ phases }: LoadResult): number {
  return sum(phases.map(({ lost, repeated, outOfOrder }) => lost + repeated + outOfOrder))
}

function valueOf ({ read, isCompared }: Figure, peer: string, runs: Run[]): Value {
  const own = runs.filter(run => run.peer === peer)
  // Within a round: how fast a machine is changes from one to the next.
  const ratios = own.flatMap(({ round, result }) => {
    const reference = runs.find(run => run.peer === REFERENCE && run.round === round)
    return reference === undefined || !isCompared || peer === REFERENCE ? [] : [read(result) / read(reference.result)]
  }).filter(Number.isFinite)
  return { median: median(own.map(({ result }) => read(result))), ...ratios.length > 0 && { ratio: median(ratios) } }
}
