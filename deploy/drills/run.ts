// `npm run drills [-- --only part-of-an-alert]`: each alert once, on a demo that is broken for it. Writes the rows to docs/drills.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createScope } from '../../bench/chaos/scope.ts'
import { pathOf } from '../../test/helpers/paths.ts'
import { runDrill } from './drill.ts'
import { listDrills } from './drills.ts'
import { formatDrills, formatPage, readRows, rowOf, type Row } from './page.ts'
import { openSite } from './site.ts'

const { values: { only } } = parseArgs({ options: { only: { type: 'string', default: '' } } })
const PAGE = pathOf('docs/drills.md')

const all = listDrills()
const drills = all.filter(({ alert }) => alert.includes(only))
const scope = createScope()
const rows = existsSync(PAGE) ? readRows(readFileSync(PAGE, 'utf8')) : new Map<string, Row>()
const failures: string[] = []

const site = await openSite(scope)
for (const drill of drills) {
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
process.exit(failures.length > 0 ? 1 : 0)
