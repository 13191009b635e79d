// `npm run bench` end to end, in its smallest step: it measures, and the page and the plot are written from what it found.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import type { Results } from '../../bench/report/results.ts'
import { pathOf } from '../helpers/index.ts'
import { startChild } from '../helpers/child.ts'
import { within } from '../helpers/within.ts'

const machine = { kind: 'a machine of before', versions: ['Node v1'] }
const before: Results = {
  scenarios: {
    S3: {
      day: '2020-01-01',
      machine,
      isQuick: false,
      about: 'Measured long ago.',
      rounds: 3,
      figures: [{ name: 'a publish, full', unit: 'µs', isCompared: true, byPeer: { Roomcast: { median: 77.77, ratio: 0.5 } } }],
      wrong: { Roomcast: 0 }
    }
  }
}

test('a step measures deliveries, writes page, plot and results, and leaves what other steps have found', async t => {
  const out = t.testdir()
  await mkdir(join(out, 'benchmarks'))
  await writeFile(join(out, 'benchmarks/results.json'), JSON.stringify(before))

  const child = await startChild(t, process.execPath, [pathOf('dist/bench/run.js'), '--quick', '--only', 'S5-members-250', '--out', out])
  const { code } = await within(60_000, child.output, child.exited)
  t.equal(code, 0, child.output())
  t.match(child.output(), /100 % {2}round 1, S5-members-250, Roomcast: a delivery, paced [\d.]+ µs\n/, 'a line a step')

  const { scenarios } = JSON.parse(await readFile(join(out, 'benchmarks/results.json'), 'utf8')) as Results
  const found = scenarios['S5-members-250']
  t.strictSame(found?.wrong, { Roomcast: 0 }, 'every member got every update, once and in order')
  const microseconds = found?.figures[0]?.byPeer['Roomcast']?.median ?? NaN
  t.ok(microseconds > 0.5 && microseconds < 1000, `a delivery takes ${microseconds} µs of a processor`)

  const page = await readFile(join(out, 'benchmarks.md'), 'utf8')
  t.match(page, /## S3\n\nMeasured long ago\. Median of 3 rounds, 2020-01-01, a machine of before; Node v1\.\n/)
  t.match(page, '| Roomcast | 77.8 (0.50)')
  t.match(page, /\| S5-members-250 \| Roomcast \| a delivery, paced \| [\d.]+ +\|/)
  t.notMatch(page, /NaN|undefined/)
  t.notMatch(page, new RegExp(`\\b${hostname()}\\b`), 'no host is named')

  const plot = await readFile(join(out, 'benchmarks/growth.svg'), 'utf8')
  t.match(plot, /^<svg [^]*prefers-color-scheme: dark[^]*<circle class="d0" cx="[\d.]+" cy="[\d.]+"[^]*<\/svg>\n$/)
  t.notMatch(plot, /NaN|undefined/)
})
