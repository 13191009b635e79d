// docs/drills.md, written by a run of all drills.
import { formatTable } from '../../bench/chaos/table.ts'
import type { Drilled } from './drill.ts'
import { BYTES, readAlerts, TIMES } from './scale.ts'
import { settings } from './site.ts'

const HEAD = ['fault', 'alert', 'its `for`', 'fires after', 'the page says', 'what mended it', 'resolved after', 'also fired']

/** The cells of a row of the table. */
export type Row = string[]

export function rowOf ({ drill, firesMs, resolvesMs, page, others }: Drilled): Row {
  return [
    drill.fault,
    `[${drill.alert}](operations.md#${drill.alert.toLowerCase()})`,
    readAlerts().find(({ alert }) => alert === drill.alert)?.for ?? '',
    seconds(firesMs),
    page,
    drill.mended,
    seconds(resolvesMs),
    others.map(name => name.replace('Roomcast', '')).join(', ')
  ]
}

/** @returns the rows of a page, by alert */
export function readRows (page: string): Map<string, Row> {
  const rows = page.split('\n').filter(line => line.startsWith('| ')).map(line => line.slice(2, -2).split(' | ').map(cell => cell.trim()))
  return new Map(rows.flatMap(row => {
    const name = /^\[(\w+)\]/.exec(row[1] ?? '')?.[1]
    return name === undefined ? [] : [[name, row] as const]
  }))
}

export const formatDrills = (rows: Row[]): string => formatTable(HEAD, rows)

export function formatPage (rows: Row[]): string {
  return `# Drills: every alert, once, on a broken demo

Written by \`npm run drills\`; no number here was typed by hand. Each row is of the last run of its drill, the newest of ${new Date().toISOString().slice(0, 10)}.

Three instances behind nginx with a real Redis, a receiver of the webhook, clients that write and read all the time, and a real Prometheus with [deploy/alerts.yml](../deploy/alerts.yml) and [deploy/prometheus/compose.yml](../deploy/prometheus/compose.yml). For each alert, \`deploy/drills/\` makes the fault, waits until Prometheus says that the alert fires, reads the text that its \`runbook_url\` leads to, does what it says, and waits until the alert is over. The run fails if an alert does not fire, if its text lacks what mended the fault, or if the alert does not end.

- All times of Prometheus (\`for\`, windows, intervals of scraping and evaluation, how long a last sample counts) are divided by ${TIMES}: a minute of a rule takes ${60 / TIMES} s here. Those of the service are its own. So **fires after** and **resolved after** are seconds of this run; in production, the part that a rule waits takes ${TIMES} times as long.
- The bytes of RoomcastSendBuffersFull are divided by ${BYTES}.
- The instances have smaller limits than the defaults: ${Object.entries(settings).map(([name, value]) => `\`${name}=${value}\``).join(', ')}.
- **also fired**: other alerts between the fault and the end, all of them about the same fault.

${formatDrills(rows)}
`
}

function seconds (ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
