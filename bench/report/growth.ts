// How costs grow with members, rooms and instances: one chart each, from the scenarios S5.
import { REFERENCE, ROOMCAST } from '../peers/peers.ts'
import type { Chart, Series } from './plot.ts'
import type { Results } from './results.ts'

const KINDS = [
  { kind: 'members', title: 'A delivery, µs', x: 'members of the room' },
  { kind: 'rooms', title: 'A publish, µs', x: 'rooms' },
  { kind: 'instances', title: 'A publish to four members, µs', x: 'instances' }
]

export function growthCharts (results: Results): Chart[] {
  return KINDS.flatMap(({ kind, title, x }) => {
    const series = [ROOMCAST, REFERENCE].map((name): Series => ({ name, points: pointsOf(results, kind, name) })).filter(({ points }) => points.length > 0)
    return series.length === 0 ? [] : [{ title, x, isStepped: true, series }]
  })
}

/** What each further instance adds to a publish, in microseconds; undefined where fewer than two were measured. */
export function perFurther (results: Results, peer: string): number | undefined {
  const points = pointsOf(results, 'instances', peer)
  const [[few, cheap] = [0, 0], [many, dear] = [0, 0]] = [points[0], points.at(-1)]
  return many > few ? (dear - cheap) / (many - few) : undefined
}

function pointsOf ({ scenarios }: Results, kind: string, peer: string): Array<[number, number]> {
  const start = `S5-${kind}-`
  return Object.entries(scenarios).filter(([name]) => name.startsWith(start)).flatMap(([name, { figures: [figure] }]): Array<[number, number]> => {
    const value = figure?.byPeer[peer]
    return value === undefined ? [] : [[Number(name.slice(start.length)), value.median]]
  }).sort(([a], [b]) => a - b)
}
