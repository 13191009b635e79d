// Some of the drills of deploy/drills/, against a real Prometheus; `npm run drills` makes all of them, and writes docs/drills.md.
import { readFile } from 'node:fs/promises'
import { test } from 'tap'
import { runDrill } from '../deploy/drills/drill.ts'
import { listDrills } from '../deploy/drills/drills.ts'
import { readRunbook } from '../deploy/drills/runbook.ts'
import { readAlerts } from '../deploy/drills/scale.ts'
import { openSite } from '../deploy/drills/site.ts'
import { pathOf } from './helpers/paths.ts'

/** An instance, and Redis: half a minute. */
const QUICK = ['RoomcastDown', 'RoomcastRedisDown']

test('every alert has a drill, a page that says what mends it, and a row in docs/drills.md', async t => {
  const page = await readFile(pathOf('docs/drills.md'), 'utf8')
  for (const { alert, says, fault } of listDrills()) {
    const { annotations } = readAlerts().find(one => one.alert === alert) ?? {}
    t.match(readRunbook(annotations?.runbook_url ?? ''), says, alert)
    t.match(page, `| ${fault}`)
  }
})

test('quick drills: the alert fires, its page helps, and it ends', { timeout: 110_000 }, async t => {
  const site = await openSite(t)
  for (const drill of listDrills().filter(({ alert }) => QUICK.includes(alert))) await t.resolves(runDrill(site, drill), drill.alert)
})
