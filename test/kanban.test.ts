// The kanban example, as a team would run it: two browsers, moves that settle, cursors, a lost connection, a reset.
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { test, type Test } from 'tap'
import ts from 'typescript'
import { eventually, freePort, startProxy, startRedis, TEST_SECRET } from './helpers/index.ts'
import { faultsOf } from './helpers/axe.ts'
import { openBrowser, openPage } from './helpers/browser.ts'
import { bundle } from './helpers/bundle.ts'
import { startChild } from './helpers/child.ts'
import { pathOf } from './helpers/paths.ts'

const MAX_LINES = 250

/** A copy of the example with what `npm install` would give it, and built as Vite would build it. */
async function installed (t: Test): Promise<string> {
  const dir = t.testdir()
  await cp(pathOf('examples/kanban'), dir, { recursive: true, filter: path => !/node_modules|dist$/.test(path) })
  const packages = {
    roomcast: '',
    '@roomcast/client': 'client',
    react: 'client/node_modules/react',
    'react-dom': 'client/node_modules/react-dom',
    ...Object.fromEntries(
      ['fastify', 'fast-jwt', '@fastify/static', '@types/react', '@types/react-dom'].map(name => [name, `node_modules/${name}`])
    )
  }
  for (const [name, path] of Object.entries(packages)) {
    const link = join(dir, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(pathOf(path), link)
  }
  const { script, styles } = await bundle(join(dir, 'src/main.tsx'))
  await mkdir(join(dir, 'dist'))
  await writeFile(join(dir, 'dist/main.js'), script)
  await writeFile(join(dir, 'dist/main.css'), styles)
  const page = await readFile(join(dir, 'index.html'), 'utf8')
  await writeFile(join(dir, 'dist/index.html'), page.replace('/src/main.tsx', '/main.js').replace('<div id="root">', '<link rel="stylesheet" href="/main.css"><div id="root">'))
  return dir
}

const card = (page: Page, column: string, title: string) => page.getByRole('region', { name: column }).getByRole('article').filter({ hasText: title })
const choose = async (page: Page, title: string, column: string) => await page.getByLabel(`Column of ${title}`).selectOption(column)
const settled = (page: Page, column: string, title: string) => card(page, column, title).and(page.locator('[data-waiting=false]')).waitFor()

async function open (browser: Browser, url: string, name: string): Promise<{ page: Page, faults: string[] }> {
  const opened = await openPage(browser, `${url}/?name=${name}`)
  await opened.page.locator('output', { hasText: 'connected' }).waitFor()
  return opened
}

test('two people at one board: moves are seen by both, survive a lost connection, and a board that cannot be kept up is loaded anew', async t => {
  const redis = await startRedis(t)
  const port = await freePort()
  const server = await startChild(t, process.execPath, [join(await installed(t), 'server.js')], {
    PATH: process.env.PATH, PORT: String(port), JWT_SECRET: TEST_SECRET, REDIS_URL: redis.url, LOG_LEVEL: 'warn', DRAIN_DELAY_SECONDS: '0', DRAIN_SECONDS: '0'
  })
  await eventually(() => server.output().includes('The board is at'), 30_000)
  const proxy = await startProxy(t, port)
  const browser = await openBrowser(t)
  const { page: ann, faults } = await open(browser, proxy.url('http'), 'Ann')
  const { page: leo, faults: faultsOfLeo } = await open(browser, `http://127.0.0.1:${port}`, 'Leo')
  for (const page of [ann, leo]) {
    for (const name of ['Ann', 'Leo']) await page.getByLabel('People').getByText(name).and(page.locator('li')).waitFor()
  }
  t.strictSame(await ann.getByLabel('People').getByRole('listitem').allTextContents(), ['Ann', 'Leo'])

  await t.test('a card that one drags is moved for both, and settles', async () => {
    await card(ann, 'To do', 'Write it down').dragTo(ann.getByRole('region', { name: 'Done' }))
    for (const page of [ann, leo]) await settled(page, 'Done', 'Write it down')
    await choose(leo, 'Try it out', 'Doing')
    for (const page of [ann, leo]) await settled(page, 'Doing', 'Try it out')
  })

  await t.test('one sees the cursor of the other, with the name, and not the own', async t => {
    await ann.getByRole('main').hover({ position: { x: 100, y: 50 } })
    await ann.mouse.move(200, 200, { steps: 20 })
    await leo.locator('main i', { hasText: 'Ann' }).waitFor()
    t.equal(await ann.locator('main i').count(), 0)
  })

  await t.test('while the line is silent a move shows at once to whoever made it, and later to all: the last one counts', async t => {
    proxy.blackhole()
    await choose(ann, 'Show it', 'Doing')
    await card(ann, 'Doing', 'Show it').and(ann.locator('[data-waiting=true]')).waitFor()
    await choose(leo, 'Show it', 'Done')
    await settled(leo, 'Done', 'Show it')
    t.equal(await card(leo, 'Doing', 'Show it').count(), 0)
    proxy.dropAll()
    await proxy.heal()
    for (const page of [ann, leo]) await settled(page, 'Doing', 'Show it')
  })

  await t.test('a later visitor sees the same board', async () => {
    await leo.reload()
    for (const [column, title] of [['Done', 'Write it down'], ['Doing', 'Try it out'], ['Doing', 'Show it']] as const) await settled(leo, column, title)
  })

  await t.test('axe finds nothing serious on it', async t => {
    t.strictSame(await faultsOf(leo), [])
  })

  await t.test('when the past is lost both load the board anew and say so, and go on', async () => {
    await redis.client().flushall()
    for (const page of [ann, leo]) await page.getByRole('status').getByText('loaded anew').waitFor()
    await choose(ann, 'Show it', 'Done')
    for (const page of [ann, leo]) await settled(page, 'Done', 'Show it')
  })
  t.strictSame([...faults, ...faultsOfLeo].filter(text => !text.includes('WebSocket connection')), [])
  t.match(await server.kill('SIGTERM'), { code: 0 })
})

test('it compiles, and is short enough to be read', async t => {
  const dir = await installed(t)
  const { config } = ts.readConfigFile(join(dir, 'tsconfig.json'), path => ts.sys.readFile(path)) as { config: object }
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, dir)
  const faults = ts.getPreEmitDiagnostics(ts.createProgram(fileNames, { ...options, preserveSymlinks: true }))
  t.strictSame(faults.map(({ messageText, file }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`), [])
  const files = ['server.js', 'index.html', 'vite.config.js', ...(await readdir(join(dir, 'src'))).map(name => `src/${name}`)]
  const texts = await Promise.all(files.map(file => readFile(join(dir, file), 'utf8')))
  const lines = texts.reduce((sum, text) => sum + text.split('\n').length - 1, 0)
  t.ok(lines < MAX_LINES, `${lines} lines`)
})
