// `npm run bench [-- --quick] [--only S1,S5,tracing] [--services Roomcast] [--rounds n] [--size clients] [--out docs]`: measures, and writes the pages from what it found.
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { describeMachine } from './measure/machine.ts'
import { parts } from './parts.ts'
import { quickPlan, wholePlan, type Step } from './plan.ts'
import { formatNumber } from './report/format.ts'
import { writePages } from './report/page.ts'
import { readResults, writeResults, type Taken } from './report/results.ts'
import { summarize, wrongIn, type Run } from './report/summary.ts'
import { runScenario } from './scenarios/run.ts'
import { sum } from './scenarios/scenario.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    services: { type: 'string', default: '' },
    rounds: { type: 'string' },
    size: { type: 'string' },
    out: { type: 'string' }
  }
})
const isQuick = values.quick
/** The pages that ship are of whole runs. */
const out = values.out ?? (isQuick ? '.tap/bench' : 'docs')
const only = values.only.split(',').filter(Boolean)
const services = values.services.split(',').filter(Boolean)
const isChosen = (name: string) => only.length === 0 || only.some(start => name === start || name.startsWith(`${start}-`))

const steps = (isQuick ? quickPlan() : wholePlan())
  .filter(({ scenario }) => isChosen(scenario.name))
  .map(({ peers, rounds, ...step }): Step => ({
    ...step,
    peers: peers.filter(peer => services.length === 0 || services.some(name => peer.includes(name))),
    rounds: Number(values.rounds ?? rounds)
  }))
const chosenParts = parts.filter(({ name, runs }) => only.includes(name) || (only.length === 0 && (runs === 'always' || (runs === 'whole' && !isQuick))))
if (steps.length + chosenParts.length === 0) throw new Error(`nothing is called ${values.only}; there are S1 to S6, ${parts.map(({ name }) => name).join(', ')}`)

const total = sum(steps.map(({ seconds, peers, rounds }) => seconds * peers.length * rounds)) + sum(chosenParts.map(({ seconds }) => seconds))
const startedAt = performance.now()
let done = 0
const taken: Taken = { day: new Date().toISOString().slice(0, 10), machine: await describeMachine(), isQuick }
const results = await readResults(out)

/** One line a step; `seconds` is what it was to take. */
function note (what: string, seconds: number): void {
  done += seconds
  const clock = `${Math.round((performance.now() - startedAt) / 1000)} s, ${Math.round(done / total * 100)} %`
  console.log(`${clock.padStart(12)}  ${what}`)
}

async function runSteps (): Promise<void> {
  const runs = new Map<Step, Run[]>(steps.map(step => [step, []]))
  for (let round = 1; round <= Math.max(0, ...steps.map(({ rounds }) => rounds)); round++) {
    for (const step of steps.filter(({ rounds }) => round <= rounds)) {
      for (const peer of round % 2 === 1 ? step.peers : step.peers.toReversed()) {
        const result = await runScenario(step.scenario, peer)
        const some = runs.get(step) ?? []
        some.push({ round, peer, result })
        results.scenarios[step.scenario.name] = summarize(step.scenario, some, taken)
        // A run that is stopped leaves what it has found so far.
        await writeResults(out, results)
        const figures = step.scenario.figures.map(({ name, unit, read }) => `${name} ${formatNumber(read(result))} ${unit}`)
        const wrong = wrongIn(result)
        note(`round ${round}, ${step.scenario.name}, ${peer}: ${figures.join('; ')}${wrong === 0 ? '' : `; ${wrong} LOST, REPEATED OR OUT OF ORDER`}`, step.seconds)
      }
    }
  }
}

console.log(`${steps.length} scenarios, ${chosenParts.length} other parts, about ${Math.ceil(total / 60)} minutes on an idle machine`)
await runSteps()
for (const { name, seconds, measure } of chosenParts) {
  note(`${name}: ${await measure(results, taken, values.size === undefined ? undefined : Number(values.size))}`, seconds)
  await writeResults(out, results)
}
await writePages(out, results)
console.log(`written to ${out}/benchmarks.md after ${Math.round((performance.now() - startedAt) / 1000)} s`)
process.exit(0)
