// Drills, one after the other; each that succeeds has its new row in docs/drills.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createScope } from '../../bench/chaos/scope.ts'
import { pathOf } from '../../test/helpers/paths.ts'
import { runDrill } from './drill.ts'
import { listDrills } from './drills.ts'
import { formatDrills, formatPage, readRows, rowOf, type Row } from './page.ts'
import { openSite } from './site.ts'

const PAGE = pathOf('docs/drills.md')

/**
 * @param only part of the names of alerts to drill
 * @returns what failed
 */
export async function runDrills (only: string): Promise<string[]> {
  const all = listDrills()
  const scope = createScope()
  const rows = existsSync(PAGE) ? readRows(readFileSync(PAGE, 'utf8')) : new Map<string, Row>()
  const failures: string[] = []

  const site = await openSite(scope)
  for (const drill of all.filter(({ alert }) => alert.includes(only))) {
    console.log(`${drill.alert}: ${drill.fault}`)
    try {
      const drilled = await runDrill(site, drill)
      rows.set(drill.alert, rowOf(drilled))
      console.log(`  fired after ${(drilled.firesMs / 1000).toFixed(1)} s, over after ${(drilled.resolvesMs / 1000).toFixed(1)} s; also ${drilled.others.join(', ')}`)
    } catch (error) {
      console.error(error)
      failures.push(`${drill.alert}: ${String(error)}`)
    }
  }
  if (failures.length > 0) scope.fail()
  await scope.close()

  const kept = all.map(({ alert }) => rows.get(alert)).filter(row => row !== undefined)
  writeFileSync(PAGE, formatPage(kept))
  console.log(`\n${formatDrills(kept)}`)
  if (failures.length > 0) console.error(`\n${failures.join('\n')}`)
  return failures
}
