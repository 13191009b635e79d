// One drill: make the fault, wait for the alert, do what its page says, wait until the alert is over.
import { setTimeout as pause } from 'node:timers/promises'
import { createScope } from '../../bench/chaos/scope.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import { firstSentence, readRunbook } from './runbook.ts'
import type { Site } from './site.ts'

const LOOK_MS = 100
/** The longest way of an alert: a window and a wait of 10 minutes each, shortened, and some time for the product. */
const PATIENCE_MS = 90_000

export interface Drill {
  alert: string
  /** For the table. */
  fault: string
  /** Words of the page that say what to do. The run fails if the page does not have them. */
  says: string
  /** What was done about it. For the table. */
  mended: string
  /** What the page says to look at, and what is to be seen there. */
  look?: { at: (site: Site) => Promise<string>, finds: RegExp }
  /**
   * Makes the fault. What it starts in the scope ends with the drill.
   * @returns what mends it
   */
  breaks (site: Site, scope: Scope): Promise<() => Promise<unknown>>
}

export interface Drilled {
  drill: Drill
  firesMs: number
  resolvesMs: number
  /** The first sentence of the page. */
  page: string
  /** Other alerts that fired meanwhile. */
  others: string[]
}

/** @throws Error if the alert does not fire, its page does not help, or it does not end */
export async function runDrill (site: Site, drill: Drill): Promise<Drilled> {
  const scope = createScope()
  const others = new Set<string>()
  let mend: (() => Promise<unknown>) | undefined
  const firing = async () => {
    const alerts = await site.prometheus.firing()
    for (const { labels } of alerts) if (labels.alertname !== drill.alert) others.add(labels.alertname)
    return alerts.find(({ labels }) => labels.alertname === drill.alert)
  }

  try {
    await until(`${drill.alert}: nothing fires before the fault`, async () => (await site.prometheus.firing()).length === 0)
    const brokenAt = performance.now()
    mend = await drill.breaks(site, scope)
    const alert = await until(`${drill.alert} fires`, firing)
    const firesMs = performance.now() - brokenAt

    const page = readRunbook(alert.annotations.runbook_url)
    if (!page.includes(drill.says)) throw new Error(`${drill.alert}: the page does not say "${drill.says}"`)
    const { look } = drill
    if (look !== undefined) await until(`${drill.alert}: ${String(look.finds)} is to be seen`, async () => look.finds.test(await look.at(site)))
    const mendedAt = performance.now()
    const mending = mend()
    mend = undefined
    await mending
    await until(`${drill.alert} is over`, async () => await firing() === undefined)
    return { drill, firesMs, resolvesMs: performance.now() - mendedAt, page: firstSentence(page), others: [...others].sort() }
  } finally {
    // After a failure too: the next drill begins on a site that is whole.
    await mend?.()
    await scope.close()
  }
}

async function until<T> (what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
  const endsAt = performance.now() + PATIENCE_MS
  while (performance.now() < endsAt) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    await pause(LOOK_MS)
  }
  throw new Error(`not within ${PATIENCE_MS / 1000} s: ${what}`)
}

/** Repeats an act until the scope ends or the returned function is called, which waits for the act under way. */
export function repeat (scope: Scope, intervalMs: number, act: () => Promise<unknown>): () => Promise<void> {
  const ending = new AbortController()
  const running = (async () => {
    while (!ending.signal.aborted) {
      await act()
      await pause(intervalMs, undefined, { signal: ending.signal }).catch(() => { /* The end of the pause is the end of the fault. */ })
    }
  })()
  // An error is thrown where the end is awaited.
  running.catch(() => ending.abort())
  const end = async () => {
    ending.abort()
    await running
  }
  scope.teardown(end)
  return end
}
