// docs/operations.md and the files for Grafana and Prometheus name what exists, and operations.md names all of it.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
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
/** Of Node itself, and of compose.yaml. */
const others = new Set(['NODE_EXTRA_CA_CERTS', 'REDIS_PASSWORD'])

const { repository: { url } } = JSON.parse(await read('package.json')) as { repository: { url: string } }
const repository = url.replace(/^git\+|\.git$/g, '')

interface Alert {
  alert: string
  expr: string
  for: string
  labels: { severity: string }
  annotations: { summary: string, runbook_url: string }
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
  const [, list = ''] = text.split('## Every setting')
  t.strictSame([...settings].filter(name => !list.includes(`\`${name}\``)), [], 'missing')
  t.strictSame([...named].filter(name => !settings.has(name) && !others.has(name)), [], 'unknown')
})

test('alerts name series that exist, and each has its paragraph with the same words', async t => {
  const text = await read('docs/operations.md')
  const all = await alerts()
  t.ok(all.length > 10)
  for (const { alert, expr, for: duration, labels, annotations } of all) {
    t.strictSame(metricsIn(expr).filter(name => !series.has(name)), [], `series of ${alert}`)
    t.ok(['page', 'ticket'].includes(labels.severity))
    t.equal(annotations.runbook_url, `${repository}/blob/main/docs/operations.md#${alert.toLowerCase()}`)
    const waits = duration === '0m' ? '' : ` for ${duration}`
    t.ok(text.includes(`### ${alert}\n\n${annotations.summary} (\`${labels.severity}\`): \`${expr}\`${waits}.\n`), `${alert} in operations.md`)
  }
  t.strictSame([...text.matchAll(/^### (\w+)$/gm)].map(([, name]) => name), all.map(({ alert }) => alert))
})

test('the counters that alerts ask for by label are there before the first event, so that it counts as an increase', async t => {
  const shown = await createMetrics().registry.metrics()
  const asked = (await alerts()).flatMap(({ expr }) => [...expr.matchAll(/(?:increase|rate)\((roomcast_\w+_total)\{\w+="([^"]+)"\}/g)])
  t.ok(asked.length >= 5)
  for (const [, name = '', value = ''] of asked) t.match(shown, new RegExp(`^${name}\\{[^}]*"${value}"[^}]*\\} 0$`, 'm'))
  t.match(shown, /^roomcast_feed_resets_total\{reason="epoch"\} 0$/m)
})

test('the dashboard names series that exist', async t => {
  const { panels } = JSON.parse(await read('deploy/grafana-dashboard.json')) as { panels: Array<{ title: string, type: string, description?: string, targets?: Array<{ expr: string }> }> }
  t.strictSame(panels.filter(({ type, description = '' }) => type !== 'row' && description === '').map(({ title }) => title), [], 'every panel has a description')
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  t.ok(expressions.length > 20)
  t.strictSame(expressions.flatMap(expr => [...expr.matchAll(/\b(?:roomcast|nodejs|process)_\w+(\{[^}]*\})?/g)].filter(([, labels = '']) => !/job=~"\$job", namespace=~"\$namespace", instance=~"\$instance"/.test(labels))), [], 'every series is chosen by the variables')
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

test('promtool accepts the rules and the scrape configurations, and the alerts fire when they should', async t => {
  await t.resolves(run('promtool', ['check', 'rules', pathOf('deploy/alerts.yml')]))
  await t.resolves(run('promtool', ['test', 'rules', pathOf('deploy/alerts.test.yml')]))
  const dir = t.testdir({ 'alerts.yml': await read('deploy/alerts.yml'), 'compose.yml': await read('deploy/prometheus/compose.yml') })
  await t.resolves(run('promtool', ['check', 'config', join(dir, 'compose.yml')]))
})

test('in every way of deployment the labels are those that the alerts ask for', async t => {
  const ways = { compose: await labelsOfCompose(), operator: await labelsOfPodMonitor(), kubernetes: await labelsOfPods() }
  const [down] = (await alerts()).filter(({ alert }) => alert === 'RoomcastDown')
  if (down === undefined) return t.fail('no RoomcastDown')
  for (const [way, labels] of Object.entries(ways)) {
    t.equal(labels.job, 'roomcast', way)
    const series = `up{${Object.entries(labels).map(([name, value]) => `${name}="${value}"`).join()}}`
    const dir = t.testdir({
      'alerts.yml': await read('deploy/alerts.yml'),
      'test.yml': JSON.stringify({
        rule_files: ['alerts.yml'],
        evaluation_interval: '15s',
        tests: [{
          interval: '15s',
          input_series: [{ series, values: '1x4 0x20' }],
          alert_rule_test: [
            { eval_time: '1m', alertname: 'RoomcastDown' },
            { eval_time: '4m', alertname: 'RoomcastDown', exp_alerts: [{ exp_labels: { ...labels, severity: 'page' }, exp_annotations: down.annotations }] },
            { eval_time: '6m', alertname: 'RoomcastAbsent' }
          ]
        }]
      })
    })
    await t.resolves(run('promtool', ['test', 'rules', join(dir, 'test.yml')]), way)
  }
})

type Labels = Record<string, string>

async function labelsOfCompose (): Promise<Labels> {
  const { scrape_configs: [scrape] } = parse(await read('deploy/prometheus/compose.yml')) as { scrape_configs: [{ job_name: string, static_configs: [{ targets: string[] }] }] }
  return { job: scrape.job_name, instance: scrape.static_configs[0].targets[0] ?? '' }
}

async function podLabels (): Promise<Labels> {
  const { spec } = parse(await read('deploy/kubernetes/deployment.yaml')) as { spec: { template: { metadata: { labels: Labels } } } }
  return spec.template.metadata.labels
}

/** As the Prometheus Operator sets them: https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMonitorSpec */
async function labelsOfPodMonitor (): Promise<Labels> {
  const { spec: { jobLabel } } = parse(await read('deploy/kubernetes/prometheus-operator/podmonitor.yaml')) as { spec: { jobLabel: string } }
  return { job: (await podLabels())[jobLabel] ?? '', instance: '10.1.2.3:3000', namespace: 'live', pod: 'roomcast-1', container: 'roomcast', endpoint: 'http' }
}

/** As the relabelling of deploy/prometheus/kubernetes.yml makes them of a pod. */
async function labelsOfPods (): Promise<Labels> {
  interface Relabel { source_labels: [string], regex?: string, action?: string, target_label?: string }
  const { scrape_configs: [scrape] } = parse(await read('deploy/prometheus/kubernetes.yml')) as { scrape_configs: [{ job_name: string, relabel_configs: Relabel[] }] }
  const meta: Labels = { __meta_kubernetes_namespace: 'live', __meta_kubernetes_pod_name: 'roomcast-1', __meta_kubernetes_pod_container_port_name: 'http' }
  for (const [name, value] of Object.entries(await podLabels())) meta[`__meta_kubernetes_pod_label_${name.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`] = value
  const labels: Labels = { job: scrape.job_name, instance: '10.1.2.3:3000' }
  for (const { source_labels: [source], regex, action, target_label: target } of scrape.relabel_configs) {
    const value = meta[source] ?? ''
    if (action === 'keep' && value !== regex) return {}
    if (target !== undefined) labels[target] = value
  }
  return labels
}
