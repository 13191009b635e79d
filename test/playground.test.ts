// The playground in a real browser: two collaborators in one page, lost connections, recovery; what the page may load.
import { test } from 'tap'
import { call, eventually, startInstance, token } from './helpers/index.ts'
import { connected, fact, log, openBrowser, openPage, say, side } from './helpers/browser.ts'

test('in the demo two collaborators meet in one page: updates, cursors, presence, recovery, all by keyboard too', async t => {
  const instance = await startInstance(t, { JWT_SECRET: '', NODE_ENV: '' })
  await instance.ready()
  const link = await eventually(() => /^http\S+#token=\S+$/m.exec(instance.output())?.[0])
  const { page, faults } = await openPage(await openBrowser(t), link)
  await connected(page)
  t.strictSame(await page.locator('.side h2').allTextContents(), ['Ann', 'Leo'])
  for (const n of [0, 1]) await fact(page, n, 'presence').filter({ hasText: /Ann.*2$/ }).waitFor()
  t.match(await fact(page, 0, 'capabilities').textContent(), '*/*: subscribe, publish, presence, manage')
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
  t.strictSame(faults, [])
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
  const instance = await startInstance(t)
  const { page } = await openPage(await openBrowser(t), instance.url)
  await page.getByLabel('Token').fill(token({ sub: 'ann' }))
  await page.keyboard.press('Enter')
  await connected(page)
  t.notOk(new URL(page.url()).search, 'nothing in the query')
})

test('what is not a token brings the form and says so; a side without the other to publish says so too', async t => {
  const instance = await startInstance(t, { JWT_SECRET: '', NODE_ENV: '' })
  await instance.ready()
  const browser = await openBrowser(t)
  const { page, faults } = await openPage(browser, `${instance.url}/#token=not-a-token`)
  await page.getByRole('alert').waitFor()
  t.ok(await page.getByLabel('Token').isVisible())

  const { page: demo } = await openPage(browser, instance.url)
  await connected(demo)
  await side(demo, 1).getByText('Go offline').click()
  await side(demo, 0).getByText('Miss three updates').click()
  await log(demo, 0).getByText('The other side is offline').waitFor()
  await side(demo, 0).locator('.status', { hasText: 'connected' }).waitFor()
  t.strictSame(faults, [])
})
