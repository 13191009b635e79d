// The playground in a real browser: two collaborators in one page, lost connections, recovery; what the page may load.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t, { test } from 'tap'
import { call, eventually, startInstance, token } from './helpers/index.ts'
import { connected, fact, log, openBrowser, openPage, say, side } from './helpers/browser.ts'

const browser = await openBrowser(t)
/** Without a key of its own, so it gives demo tokens. Each test has a room of its own. */
const instance = await startInstance(t, { JWT_SECRET: '', NODE_ENV: '' })
await instance.ready()

test('in the demo two collaborators meet in one page: updates, cursors, presence, recovery, all by keyboard too', async t => {
  const link = await eventually(() => /^http\S+#token=\S+$/m.exec(instance.output())?.[0])
  const { page, faults } = await openPage(browser, link)
  await connected(page)
  t.strictSame(await page.locator('.side h2').allTextContents(), ['Ann', 'Leo'])
  for (const n of [0, 1]) await fact(page, n, 'presence').filter({ hasText: /Ann.*2$/ }).waitFor()
  t.equal(await fact(page, 0, 'capabilities').textContent(), 'every room: subscribe, publish, presence, manage')
  t.match(await fact(page, 0, 'instance').textContent(), /^[A-Za-z0-9]+$/)

  await say(page, 0, 'Hello Leo')
  for (const n of [0, 1]) {
    await log(page, n).getByText('Hello Leo').waitFor()
    await fact(page, n, 'position').getByText('#1').waitFor()
  }

  await side(page, 0).locator('.board').focus()
  for (const key of ['ArrowRight', 'ArrowUp', 'Enter']) await page.keyboard.press(key)
  await side(page, 1).locator('.cursor:not(.own)').waitFor()
  await side(page, 1).locator('.mark').waitFor()
  await fact(page, 1, 'position').getByText('#2').waitFor()

  await side(page, 1).getByLabel('I am').selectOption('editing')
  await fact(page, 0, 'presence').getByText('Leo · editing').waitFor()

  await side(page, 0).getByText('Miss three updates').click()
  await log(page, 0).getByText('3 missed, all recovered').waitFor()
  await log(page, 0).locator('.recovered').nth(2).waitFor()
  t.equal(await log(page, 0).locator('.recovered').count(), 3)
  t.equal(await log(page, 1).locator('.recovered').count(), 0, 'who stayed had nothing to recover')
  t.equal(await fact(page, 0, 'recovered').textContent(), '3 updates')

  await side(page, 1).getByText('Drop connection').click()
  await log(page, 1).getByText('0 missed, all recovered').waitFor()
  await side(page, 1).getByText('Go offline').click()
  await side(page, 1).locator('.status', { hasText: 'offline' }).waitFor()
  await say(page, 1, 'waits for me')
  await say(page, 0, 'while Leo is away')
  await side(page, 1).getByText('Come back').click()
  for (const n of [0, 1]) await log(page, n).getByText('waits for me').waitFor()
  await log(page, 1).locator('.recovered', { hasText: 'while Leo is away' }).waitFor()
  await fact(page, 0, 'presence').getByText('Leo · editing').waitFor()
  t.strictSame(faults, [])
})

test('a stock client in the page recovers on its own; a message of another room does not reach it', async t => {
  const { page, faults } = await openPage(browser, `${instance.url}/#room=acme/stock`)
  await connected(page)
  const stock = page.locator('#stock')
  const told = (name: string) => stock.locator(`[data-fact=${name}]`)
  await stock.locator('summary').click()
  await told('recovered').getByText('nothing was missed yet').waitFor()
  await say(page, 0, 'live')
  await told('order').getByText('1 update, each once and in order').waitFor()

  await stock.getByText('Drop connection').click()
  await told('recovered').getByText('yes, 0 updates came').waitFor()
  await stock.getByText('Go offline').click()
  await stock.locator('.status', { hasText: 'offline' }).waitFor()
  const { page: elsewhere } = await openPage(browser, `${instance.url}/#room=acme/stock-other`)
  await connected(elsewhere)
  await say(elsewhere, 0, 'elsewhere')
  for (const n of [2, 3]) {
    await say(page, 0, `update ${n}`)
    await fact(page, 1, 'position').getByText(`#${n}`).waitFor()
  }
  await stock.getByText('Come back').click()
  await told('recovered').getByText('yes, 2 updates came').waitFor()
  await told('position').getByText('#3').waitFor()
  t.equal(await told('order').textContent(), '3 updates, each once and in order')
  t.strictSame(faults, [])
})

test('any event with any JSON is published from the page, or from a terminal with what it copies; the raw message can be seen; another room is its own', async t => {
  const { page, faults } = await openPage(browser, `${instance.url}/#room=acme/any`, { permissions: ['clipboard-read', 'clipboard-write'] })
  await connected(page)
  await side(page, 0).getByText('Publish any event').click()
  const payload = side(page, 0).getByLabel('Payload, as JSON')
  await payload.fill('{ "text": ')
  await side(page, 0).getByText('Publish event').click()
  t.match(await payload.evaluate(element => (element as { validationMessage?: string }).validationMessage), 'This is not JSON')

  await side(page, 0).getByLabel('Event').fill('NOTED')
  await payload.fill('{ "text": "it\'s $HOME" }')
  await side(page, 0).getByText('Publish event').click()
  await log(page, 1).getByText('NOTED {"text":"it\'s $HOME"}').click()
  const raw = JSON.parse(await log(page, 1).locator('pre').textContent() ?? '') as object
  t.match(raw, { event: 'NOTED', payload: { text: "it's $HOME" }, userId: 'ann', workspaceId: 'acme', appId: 'any', offset: 1 })

  await side(page, 0).getByText('Copy as curl').click()
  await log(page, 0).getByText('Copied').waitFor()
  const command = await page.evaluate('navigator.clipboard.readText()') as string
  const { stdout } = await promisify(execFile)('sh', ['-c', `${command} --silent`])
  t.match(JSON.parse(stdout), { status: 'SUCCESS', data: { offset: 2 } })
  await log(page, 1).getByText('NOTED').nth(1).waitFor()

  await page.getByLabel('Room').fill('acme/other')
  await page.getByText('Switch').click()
  await page.waitForURL('**room=acme%2Fother')
  await connected(page)
  await say(page, 0, 'in the other room')
  await log(page, 1).getByText('in the other room').waitFor()
  t.equal(await log(page, 1).getByText('NOTED').count(), 0)
  t.equal(await page.getByRole('link', { name: 'Socket events' }).getAttribute('href'), '/docs/socket/')
  t.strictSame(faults, [])
})

test('on a phone the name at a cursor covers neither the hint nor the edge of the board', async t => {
  const { page } = await openPage(browser, `${instance.url}/#room=acme/phone`, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
  await connected(page)
  const board = side(page, 0).locator('.board')
  const { width, height } = await board.boundingBox() ?? { width: 0, height: 0 }
  const cursor = side(page, 0).locator('.cursor')
  for (const [x, y] of [[12, height - 12], [width - 12, height - 12], [width - 12, 12]] as const) {
    await board.hover({ position: { x, y } })
    const isThere = `Math.abs(parseFloat(document.querySelector('.cursor')?.style.left) - ${100 * x / width}) < 3 && Math.abs(parseFloat(document.querySelector('.cursor')?.style.top) - ${100 * y / height}) < 3`
    await eventually(() => page.evaluate<boolean>(`${isThere} && document.getAnimations().every(({ playState }) => playState === 'finished')`))
    const [label, hint, frame] = await Promise.all([cursor, side(page, 0).locator('.hint'), board].map(each => each.boundingBox()))
    if (!label || !hint || !frame) return t.fail('all are shown')
    t.ok(label.y + label.height <= hint.y, `the hint is free at ${x}, ${y}`)
    t.ok(label.x >= frame.x && label.x + label.width <= frame.x + frame.width && label.y >= frame.y, `the name is within the board at ${x}, ${y}`)
  }
})

test('the page has what it needs and no more: its own files, a strict policy, no demo tokens where a key is set', async t => {
  const [open, production] = await Promise.all([startInstance(t), startInstance(t, { NODE_ENV: 'production' })])
  const page = await fetch(`${open.url}/`)
  t.equal(page.status, 200)
  const policy = page.headers.get('content-security-policy') ?? ''
  t.match(policy, /default-src 'none';script-src 'self' 'sha256-[^']+';style-src 'self'/)
  t.notMatch(policy, /unsafe/)
  const refused = await call(open.url, 'POST', '/playground/token', { body: { user: 'ann' } })
  t.match([refused.status, refused.body.error?.code], [404, 'request/not-found'])
  for (const path of ['/', '/client/index.js', '/playground/main.js', '/socket.io/socket.io.esm.min.js']) {
    t.equal((await fetch(`${open.url}${path}`)).status, 200, path)
    t.notOk((await fetch(`${production.url}${path}`)).ok, `${path} in production`)
  }
  for (const path of ['/playground/../package.json', '/playground/%2e%2e/package.json', '/client/index.ts']) {
    t.equal((await fetch(`${open.url}${path}`)).status, 404, path)
  }
})

test('without a token the page asks for one, and takes it', async t => {
  const { url } = await startInstance(t)
  const { page } = await openPage(browser, url)
  await page.getByLabel('Token').fill(token({ sub: 'ann' }))
  await page.keyboard.press('Enter')
  await connected(page)
  t.notOk(new URL(page.url()).search, 'nothing in the query')
})

test('what is not a token brings the form and says so; a side without the other to publish says so too', async t => {
  const { page, faults } = await openPage(browser, `${instance.url}/#token=not-a-token`)
  await page.getByRole('alert').waitFor()
  t.ok(await page.getByLabel('Token').isVisible())

  const { page: demo } = await openPage(browser, `${instance.url}/#room=acme/away`)
  await connected(demo)
  await side(demo, 1).getByText('Go offline').click()
  await side(demo, 0).getByText('Miss three updates').click()
  await log(demo, 0).getByText('The other side is offline').waitFor()
  await side(demo, 0).locator('.status', { hasText: 'connected' }).waitFor()
  t.strictSame(faults, [])
})
