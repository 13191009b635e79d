// docs/operations.md and the files for Grafana and Prometheus name what exists, and operations.md names all of it.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { test } from 'tap'
import { parse } from 'yaml'
import { createMetrics } from '../services/observe/metrics.ts'
import { Settings } from '../services/settings.ts'
import { pathOf } from './helpers/paths.ts'

const run = promisify(execFile)
const read = (file: string) => readFile(pathOf(file), 'utf8')

const registered = createMetrics().registry.getMetricsAsArray().map(({ name, type }) => ({ name, isHistogram: String(type) === 'histogram' }))
const metrics = new Set(registered.map(({ name }) => name))
/** As PromQL may name them. */
const series = new Set(registered.flatMap(({ name, isHistogram }) => isHistogram ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]))
const settings = new Set(Object.keys(Settings.properties))
/** Of Node itself. */
const others = new Set(['NODE_EXTRA_CA_CERTS'])

interface Alert {
  alert: string
  expr: string
  for: string
  labels: { severity: string }
  annotations: { summary: string, runbook: string }
}

function metricsIn (text: string): string[] {
  return [...text.matchAll(/\b(?:roomcast|nodejs|process)_[a-z0-9_]+\b/g)].map(([name]) => name)
}

async function alerts (): Promise<Alert[]> {
  const file = parse(await read('deploy/alerts.yml')) as { groups: Array<{ rules: Alert[] }> }
  return file.groups.flatMap(({ rules }) => rules)
}

test('operations.md names every metric of the service, and only metrics that exist', async t => {
  const text = await read('docs/operations.md')
  const named = new Set(metricsIn(text))
  t.strictSame([...metrics].filter(name => name.startsWith('roomcast_') && !text.includes(`| \`${name}\` |`)), [], 'missing')
  t.strictSame([...named].filter(name => !metrics.has(name) && !series.has(name)), [], 'unknown')
})

test('operations.md names every setting, and only settings that exist', async t => {
  const text = await read('docs/operations.md')
  const named = new Set([...text.matchAll(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g)].map(([name]) => name))
  t.strictSame([...settings].filter(name => !text.includes(`\`${name}\``)), [], 'missing')
  t.strictSame([...named].filter(name => !settings.has(name) && !others.has(name)), [], 'unknown')
})

test('alerts name series that exist, and each has its paragraph with the same words', async t => {
  const text = await read('docs/operations.md')
  const all = await alerts()
  t.ok(all.length > 10)
  for (const { alert, expr, for: duration, labels, annotations } of all) {
    t.strictSame(metricsIn(expr).filter(name => !series.has(name)), [], `series of ${alert}`)
    t.ok(['page', 'ticket'].includes(labels.severity))
    t.equal(annotations.runbook, `docs/operations.md#${alert.toLowerCase()}`)
    const waits = duration === '0m' ? '' : ` for ${duration}`
    t.ok(text.includes(`### ${alert}\n\n${annotations.summary} (\`${labels.severity}\`): \`${expr}\`${waits}.\n`), `${alert} in operations.md`)
  }
  t.strictSame([...text.matchAll(/^### (\w+)$/gm)].map(([, name]) => name), all.map(({ alert }) => alert))
})

test('the dashboard names series that exist', async t => {
  const { panels } = JSON.parse(await read('deploy/grafana-dashboard.json')) as { panels: Array<{ targets?: Array<{ expr: string }> }> }
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  t.ok(expressions.length > 20)
  t.strictSame(expressions.flatMap(metricsIn).filter(name => !series.has(name)), [])
  const shown = expressions.join('\n')
  t.strictSame([...metrics].filter(name => name.startsWith('roomcast_') && !shown.includes(name)), [], 'shows every metric of the service')
})

test('load-testing.md names the options of the script with their defaults, and metrics and settings that exist', async t => {
  const [page, script] = [await read('docs/load-testing.md'), await read('examples/load.js')]
  const options = [...script.matchAll(/^ {4}'?([\w-]+)'?: \{ type: 'string'(?:, default: '(\d+)')? \}/gm)]
  t.equal(options.length, 7)
  for (const [, name, value] of options) t.match(page, new RegExp(`^\\| \`--${name}\` \\| ${value ?? 'the address itself'} \\|`, 'm'))
  t.strictSame(metricsIn(page).filter(name => !metrics.has(name)), [])
  t.strictSame([...page.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, name = '']) => name).filter(name => !settings.has(name)), [])
})

test('promtool, where it is installed, accepts the rules, and the alerts fire when they should', async t => {
  const isInstalled = await run('promtool', ['--version']).then(() => true, () => false)
  if (!isInstalled) return t.comment('promtool is not installed: the rules were only parsed')
  await t.resolves(run('promtool', ['check', 'rules', pathOf('deploy/alerts.yml')]))
  await t.resolves(run('promtool', ['test', 'rules', pathOf('deploy/alerts.test.yml')]))
})
