// The rules and the scrape configuration that are shipped, with shorter times, so that a drill takes seconds.
import { readFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import { pathOf } from '../../test/helpers/paths.ts'

/** Every time in the rules and every interval of Prometheus is divided by this: a minute takes 2 s. */
export const TIMES = 30
/** The bytes of RoomcastSendBuffersFull are divided by this: three stuck clients are enough. */
export const BYTES = 500

/** How long Prometheus takes the last sample of a series that is no longer scraped for its value: 5 minutes, unless told otherwise. */
export const lookback = (): string => shorter('5m')

const MS = { s: 1000, m: 60_000 }

export interface Alert {
  alert: string
  expr: string
  for: string
  labels: { severity: string }
  annotations: { summary: string, runbook_url: string }
}

interface Rules { groups: Array<{ name: string, rules: Alert[] }> }

export function readAlerts (): Alert[] {
  return (parse(readFileSync(pathOf('deploy/alerts.yml'), 'utf8')) as Rules).groups.flatMap(({ rules }) => rules)
}

export function scaledRules (): string {
  const rules = readAlerts().map(rule => ({
    ...rule,
    expr: rule.expr.replaceAll(/\[(\d+[ms])\]/g, (_, window: string) => `[${shorter(window)}]`).replace(/> 5e8$/, `> ${5e8 / BYTES}`),
    for: shorter(rule.for)
  }))
  return stringify({ groups: [{ name: 'roomcast', rules }] })
}

/** deploy/prometheus/compose.yml with these targets. @param job undefined: the name that is shipped */
export function scaledConfig (targets: string[], job?: string): string {
  const shipped = parse(readFileSync(pathOf('deploy/prometheus/compose.yml'), 'utf8')) as {
    global: { scrape_interval: string, evaluation_interval: string }, scrape_configs: [{ job_name: string }]
  }
  const { global, scrape_configs: [scrape] } = shipped
  return stringify({
    ...shipped,
    global: { scrape_interval: shorter(global.scrape_interval), evaluation_interval: shorter(global.evaluation_interval) },
    scrape_configs: [{ ...scrape, ...job !== undefined && { job_name: job }, static_configs: [{ targets }] }]
  })
}

function shorter (time: string): string {
  return `${Number.parseInt(time) * MS[time.endsWith('m') ? 'm' : 's'] / TIMES}ms`
}
