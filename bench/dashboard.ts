// `npm run dashboard`: docs/dashboard.png, the panels of deploy/grafana-dashboard.json with the data of a run with faults.
// Grafana is not needed: a Prometheus answers the panels' own queries, and Chromium takes the picture.
import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { openBrowser } from '../test/helpers/browser.ts'
import { pathOf } from '../test/helpers/paths.ts'
import { createScope } from './chaos/scope.ts'
import { drawDashboard } from './dashboard/draw.ts'
import type { Dashboard } from './dashboard/panels.ts'
import { askPanels, startPrometheus } from './dashboard/prometheus.ts'
import { smallPng } from './dashboard/small-png.ts'
import { runStory } from './dashboard/story.ts'
import { createWorld } from './dashboard/world.ts'

const WIDTH = 1208
const SECONDS = Number(process.env.DASHBOARD_SECONDS ?? 240)

const scope = createScope()
try {
  const { title, panels } = JSON.parse(await readFile(pathOf('deploy/grafana-dashboard.json'), 'utf8')) as Dashboard
  const world = await createWorld(scope)
  const prometheus = await startPrometheus(scope, world.targets)
  // The first rates need some scrapes.
  await pause(12_000)
  const startedAt = Date.now() / 1000
  const told = await runStory(world, SECONDS)
  const answers = await askPanels(prometheus, panels, startedAt, Date.now() / 1000)

  const empty = answers.filter(({ panel, series }) => panel.type !== 'row' && series.length === 0).map(({ panel }) => panel.title)
  if (empty.length > 0) throw new Error(`panels without data: ${empty.join(', ')}`)
  const html = drawDashboard(title, told, answers)
  await writeFile(pathOf('.tap/dashboard.html'), html)
  const browser = await openBrowser(scope)
  const page = await browser.newPage({ viewport: { width: WIDTH, height: 800 } })
  await page.setContent(html)
  await writeFile(pathOf('docs/dashboard.png'), smallPng(await page.screenshot({ fullPage: true })))
  console.log('docs/dashboard.png is written')
} catch (error) {
  scope.fail()
  throw error
} finally {
  await scope.close()
}
