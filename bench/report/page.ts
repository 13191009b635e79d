// docs/benchmarks.md with its plots, and docs/scaling.md, from what the runs have found.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatTable } from '../chaos/table.ts'
import { REFERENCE, ROOMCAST, WITHOUT_POSITIONS } from '../peers/peers.ts'
import { unitsOf } from '../scaling/units.ts'
import { bigRoomSection } from './big-room.ts'
import { formatNumber, formatValue } from './format.ts'
import { growthCharts, perFurther } from './growth.ts'
import { drawCharts } from './plot.ts'
import { roomsSection } from './rooms.ts'
import { scalingPage } from './scaling.ts'
import { stampedeCharts, stampedeSection } from './stampede.ts'
import { taken } from './taken.ts'
import { RESULTS, type Results, type ScenarioResult } from './results.ts'

const GROWTH = 'benchmarks/growth.svg'
const STAMPEDE = 'benchmarks/stampede.svg'
const MAIN = /^S[12346]$/

/** @param dir where the pages are, as `docs` */
export async function writePages (dir: string, results: Results): Promise<void> {
  const charts = growthCharts(results)
  if (charts.length > 0) await writeFile(join(dir, GROWTH), drawCharts(charts))
  if (results.stampedes !== undefined) await writeFile(join(dir, STAMPEDE), drawCharts(stampedeCharts(results.stampedes.runs)))
  const sections = [
    mainSections(results),
    charts.length === 0 ? '' : growthSection(results),
    results.rooms === undefined ? '' : roomsSection(results.rooms),
    results.bigRoom === undefined ? '' : bigRoomSection(results.bigRoom),
    results.stampedes === undefined ? '' : stampedeSection(results.stampedes, STAMPEDE),
    tracingSection(results)
  ]
  await writeFile(join(dir, 'benchmarks.md'), `${head()}\n\n${sections.filter(Boolean).join('\n\n')}\n`)
  const units = unitsOf(results)
  if (units !== undefined) await writeFile(join(dir, 'scaling.md'), scalingPage(results, units))
}

function head (): string {
  return `# Benchmarks

Written by \`npm run bench\`, from [what the runs have found](${RESULTS}); no number here was typed by hand. \`npm run bench -- --quick\` takes two minutes and writes to \`.tap/bench/\`, \`--only S1,S2\` runs these alone and leaves the rest of the page as it is.

What is compared is the **processor time of the servers**, all instances together, as Linux counts it for each thread (\`schedstat\`): clients, servers and Redis share one machine, where times on the wall say little. Redis is counted apart. Every run has a private Redis and fresh instances; runs of the services alternate, the order reversed every other round; a number is the median of the rounds, in brackets its ratio to ${REFERENCE} within the same round. Compare the rows, not the numbers with those of another machine.

- **${ROOMCAST}**: as it comes, only the limits on connections and publishes are wider. Tokens, schema, capabilities, rates, ids, history and metrics are on, and so is recovery for stock clients.
- **${WITHOUT_POSITIONS}**: the same, but the clients say that they keep their positions themselves, as \`@roomcast/client\` does.
- **${REFERENCE}**: stock Socket.IO behind Fastify with \`@socket.io/redis-adapter\`. It answers a publish before Redis has it, checks nobody and keeps nothing.
- **Socket.IO, one channel by hand**: without an adapter; every instance reads every update from one channel.
- **raw ws**: bare \`ws\`, one frame made for all members. About as little as a server on Node can do.`
}

function mainSections ({ scenarios }: Results): string {
  return inOrder(scenarios).filter(([name]) => MAIN.test(name)).map(([name, scenario]) => `## ${name}\n\n${scenario.about} ${taken(scenario, scenario.rounds)}\n\n${scenarioTable(scenario)}${wrongs(scenario)}`).join('\n\n')
}

export function scenarioTable ({ figures }: Pick<ScenarioResult, 'figures'>): string {
  const names = Object.keys(figures[0]?.byPeer ?? {})
  return formatTable(
    ['service', ...figures.map(({ name, unit }) => `${name}, ${unit}`)],
    names.map(name => [name, ...figures.map(({ byPeer }) => formatValue(byPeer[name]))])
  )
}

function wrongs ({ wrong }: ScenarioResult): string {
  const counts = Object.entries(wrong).filter(([, count]) => count > 0).map(([name, count]) => `${count} at ${name}`)
  return counts.length === 0 ? '' : `\n\nDeliveries lost, repeated or out of order: ${counts.join(', ')}.`
}

function growthSection (results: Results): string {
  const steps = inOrder(results.scenarios).filter(([name]) => name.startsWith('S5'))
  const rows = steps.flatMap(([name, { figures: [figure] }]) => Object.entries(figure?.byPeer ?? {}).map(([peer, value]) => [name, peer, figure?.name ?? '', formatValue(value)]))
  const further = [ROOMCAST, REFERENCE].flatMap(peer => {
    const cost = perFurther(results, peer)
    return cost === undefined ? [] : [`${formatNumber(cost)} µs at ${peer}`]
  })
  return `## Growth

What an update costs the servers as members, rooms and instances become more. ${taken(steps[0]?.[1] as ScenarioResult, steps[0]?.[1].rounds)}

![Cost against members, rooms and instances](${GROWTH})

${formatTable(['scenario', 'service', 'cost of', 'µs'], rows)}${further.length === 0 ? '' : `\n\nEach further instance adds to a publish: ${further.join(', ')}.`}`
}

function tracingSection ({ tracing }: Results): string {
  if (tracing === undefined) return ''
  const { plainMicroseconds, tracedMicroseconds } = tracing
  return `## Tracing that is off

A publish through the embedded broker takes ${plainMicroseconds.toFixed(2)} µs without our tracing around it, and ${tracedMicroseconds.toFixed(2)} µs with it while no SDK is started: ${((tracedMicroseconds / plainMicroseconds - 1) * 100).toFixed(0)} % more. ${taken(tracing)}`
}

/** By name, and 1000 after 250: a run of some scenarios alone must not change their order. */
function inOrder (scenarios: Results['scenarios']): Array<[string, ScenarioResult]> {
  return Object.entries(scenarios).sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
}
