// A real Prometheus that reads the instances, and the answers to the queries of the panels.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild, untilReady } from '../../test/helpers/child.ts'
import { freePort, HOST } from '../../test/helpers/ports.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import type { Panel, PanelData, Series, Target } from './panels.ts'

const SCRAPE_SECONDS = 2
/** What Grafana would take: four scrapes. */
const RATE_INTERVAL = `${4 * SCRAPE_SECONDS}s`

interface Result {
  metric: Record<string, string>
  value?: [number, string]
  values?: Array<[number, string]>
}

/** @param targets address → value of the label `instance` */
export async function startPrometheus (scope: Scope, targets: Map<string, string>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'roomcast-prometheus-'))
  scope.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))
  const address = `${HOST}:${await freePort()}`
  // JSON is YAML too.
  await writeFile(join(dir, 'prometheus.yml'), JSON.stringify({
    global: { scrape_interval: `${SCRAPE_SECONDS}s` },
    scrape_configs: [{ job_name: 'roomcast', static_configs: [...targets].map(([target, instance]) => ({ targets: [target], labels: { instance } })) }]
  }))
  const child = await startChild(scope, 'prometheus', [
    `--config.file=${dir}/prometheus.yml`, `--storage.tsdb.path=${dir}/data`, `--web.listen-address=${address}`, '--log.level=warn'
  ])
  await untilReady(child, 'prometheus', async () => (await fetch(`http://${address}/-/ready`)).ok, 20_000)
  return `http://${address}`
}

/** @param from, to seconds since 1970 */
export async function askPanels (prometheus: string, panels: Panel[], from: number, to: number): Promise<PanelData[]> {
  return await Promise.all(panels.map(async panel => ({
    panel,
    series: (await Promise.all((panel.targets ?? []).map(async target => await ask(prometheus, target, from, to)))).flat()
  })))
}

async function ask (prometheus: string, target: Target, from: number, to: number): Promise<Series[]> {
  const query = target.expr.replaceAll('$__rate_interval', RATE_INTERVAL).replaceAll(/"\$(?:job|namespace|instance)"/g, '".*"')
  const [path, times] = target.instant ? ['query', { time: to }] : ['query_range', { start: from, end: to, step: SCRAPE_SECONDS }]
  const parameters = new URLSearchParams({ query, ...Object.fromEntries(Object.entries(times).map(([name, value]) => [name, String(value)])) })
  const response = await fetch(`${prometheus}/api/v1/${path}?${parameters}`)
  const { data, error } = await response.json() as { data?: { result: Result[] }, error?: string }
  if (data === undefined) throw new Error(`${error}: ${target.expr}`)
  return data.result.map(({ metric, value, values = value === undefined ? [] : [value] }) => ({
    name: (target.legendFormat ?? '').replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ''),
    points: values.map(([at, text]): [number, number] => [at - from, Number(text)]).filter(([, number]) => Number.isFinite(number))
  })).filter(({ points }) => points.length > 0)
}
