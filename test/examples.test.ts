// The examples, each run as a reader would run it.
import { readFile } from 'node:fs/promises'
import { test, type Test } from 'tap'
import type { Receipt, Result, Update } from '../services/wire/protocol.ts'
import { call, connect, eventually, freePort, nextEvent, pathOf, roomEvent, startInstance, startProxy, startRedis, subscribe, TEST_SECRET, token, within, type Instance } from './helpers/index.ts'
import { openBrowser, openPage } from './helpers/browser.ts'
import { startChild } from './helpers/child.ts'

const example = (name: string) => pathOf(`examples/${name}`)

async function member (t: Test, instance: Instance) {
  await instance.ready()
  const socket = await connect(t, instance.url, { token: token() })
  await subscribe(socket, 'acme', 'board-1')
  return socket
}

test('the shared counter: two pages show the same number, also after a reload and from one\'s own Fastify app', async t => {
  const port = await freePort()
  const app = await startChild(t, process.execPath, [example('own-app.js')], { PATH: process.env.PATH, PORT: String(port), JWT_SECRET: TEST_SECRET, LOG_LEVEL: 'warn', DRAIN_DELAY_SECONDS: '0', DRAIN_SECONDS: '1' })
  await eventually(() => app.output().includes('/counter'), 20_000)
  const url = `http://127.0.0.1:${port}/counter`
  const browser = await openBrowser(t)
  const [one, two] = [await openPage(browser, url), await openPage(browser, url)]
  const count = async (page: typeof one.page, wanted: string) => await page.locator('#count', { hasText: new RegExp(`^${wanted}$`) }).waitFor()
  await Promise.all([one, two].map(({ page }) => page.getByText('3 here').waitFor()))
  await one.page.getByText('+').click()
  await one.page.getByText('+').click()
  await two.page.getByText('−').click()
  await two.page.getByText('+').click()
  for (const { page } of [one, two]) await count(page, '2')
  await two.page.reload()
  await count(two.page, '2')
  await one.page.getByText('+').click()
  for (const { page } of [one, two]) await count(page, '3')
  t.match(await call(`http://127.0.0.1:${port}`, 'POST', '/my/count'), { status: 200 })
  for (const { page } of [one, two]) await count(page, '4')
  t.strictSame([...one.faults, ...two.faults].filter(text => !text.includes('favicon') && !text.includes('404')), [])
  t.ok((await readFile(example('counter.html'), 'utf8')).split('\n').length < 100)
  t.match(await app.kill('SIGTERM'), { code: 0 })
})

test('the publisher in Node publishes once, even where its first answer is lost', async t => {
  const instance = await startInstance(t)
  const socket = await member(t, instance)
  const updates: Update[] = []
  socket.on(roomEvent('acme', 'board-1'), (update: Update) => updates.push(update))
  const proxy = await startProxy(t, instance.port)
  proxy.blackhole('toClient')
  const child = await startChild(t, process.execPath, [example('publisher.js'), proxy.url('http'), token({ sub: 'svc' })])
  await eventually(() => updates.length === 1, 15_000)
  proxy.dropAll()
  await proxy.heal()
  t.match(await within(20_000, 'the publisher ends', child.exited), { code: 0 })
  t.match(child.output(), /offset: 1,\s+duplicate: true/)
  t.equal(updates.length, 1)

  const refused = await startChild(t, process.execPath, [example('publisher.js'), instance.url, token({ capabilities: {} })])
  t.match(await within(20_000, 'the publisher ends', refused.exited), { code: 1 })
  t.match(refused.output(), /auth\/forbidden/)
  t.equal(updates.length, 1)
})

test('the publisher in curl publishes, and says why when it may not', async t => {
  const instance = await startInstance(t)
  const socket = await member(t, instance)
  const heard = nextEvent<Update>(socket, roomEvent('acme', 'board-1'))
  const child = await startChild(t, example('publish.sh'), [instance.url, token({ sub: 'svc' })])
  t.match(await within(20_000, 'curl ends', child.exited), { code: 0 })
  const answer = JSON.parse(child.output()) as Result<Receipt>
  t.match(answer.data, { offset: 1, duplicate: false })
  t.match(await heard, { event: 'CARD_MOVED', userId: 'svc', id: answer.data?.id, payload: { card: 'c1', column: 2 } })

  const refused = await startChild(t, example('publish.sh'), [instance.url, token({ capabilities: {} })])
  t.not((await within(20_000, 'curl ends', refused.exited)).code, 0)
  t.match(refused.output(), /auth\/forbidden/)
})

test('the load test counts what came through, and fails where something did not', async t => {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url })
  await instance.ready()
  const load = (...args: string[]) => startChild(t, process.execPath, [example('load.js'), instance.url, '--clients', '12', '--rooms', '3', '--ramp', '200', ...args], { PATH: process.env.PATH, JWT_SECRET: TEST_SECRET })
  const good = await load('--rate', '60', '--seconds', '1')
  t.match(await within(30_000, 'the load test ends', good.exited), { code: 0 }, good.output())
  t.match(good.output(), /12 clients in 3 rooms[^]+published {2}60, refused 0[^]+delivered {2}240, missing 0, resets 0, reconnects 0/)

  const bad = await load('--rate', '20', '--seconds', '5')
  await eventually(() => bad.output().includes('12 clients'), 20_000)
  await redis.client().flushall()
  t.match(await within(30_000, 'the load test ends', bad.exited), { code: 1 })
  t.match(bad.output(), /resets 12,/, 'everybody was told that the past was lost')
})
