// A real Prometheus with the rules of deploy/alerts.yml, asked for the alerts that fire.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startChild, untilReady } from '../../test/helpers/child.ts'
import { eventually } from '../../test/helpers/eventually.ts'
import { freePort, HOST } from '../../test/helpers/ports.ts'
import { temporaryFolder } from '../../test/helpers/redis.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import { lookback, scaledConfig, scaledRules } from './scale.ts'

export interface FiringAlert {
  labels: { alertname: string, instance?: string }
  annotations: { runbook_url: string }
}

export interface Prometheus {
  /** The alerts that fire now. */
  firing (): Promise<FiringAlert[]>
  /** Scrapes under another name of the job; without one, under that of the rules. */
  rename (job?: string): Promise<void>
}

export async function startPrometheus (scope: Scope, targets: string[]): Promise<Prometheus> {
  const dir = await temporaryFolder(scope)
  const [port, config] = [await freePort(), join(dir, 'prometheus.yml')]
  const url = `http://${HOST}:${port}`
  await writeFile(join(dir, 'alerts.yml'), scaledRules())
  await writeFile(config, scaledConfig(targets))
  const child = await startChild(scope, 'prometheus', [
    `--config.file=${config}`, `--storage.tsdb.path=${join(dir, 'data')}`, `--web.listen-address=${HOST}:${port}`, `--query.lookback-delta=${lookback()}`, '--log.level=warn'
  ])
  await untilReady(child, 'prometheus', async () => (await fetch(`${url}/-/ready`)).ok, 30_000)
  // An increase needs a sample before the fault.
  await eventually(async () => await count('count_over_time(roomcast_ready[30s]) >= 2') === targets.length, 20_000)

  async function count (query: string): Promise<number> {
    const { data } = await (await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`)).json() as { data: { result: unknown[] } }
    return data.result.length
  }

  return {
    async firing () {
      const { data } = await (await fetch(`${url}/api/v1/alerts`)).json() as { data: { alerts: Array<FiringAlert & { state: string }> } }
      return data.alerts.filter(({ state }) => state === 'firing')
    },

    async rename (job) {
      await writeFile(config, scaledConfig(targets, job))
      child.process.kill('SIGHUP')
    }
  }
}
