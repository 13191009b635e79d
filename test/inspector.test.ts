// The inspector in a real browser: what it shows is what is, what it does is done, and where it may be.
import axe, { type AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import t, { test } from 'tap'
import type { Socket } from 'socket.io-client'
import { call, cluster, connect, eventually, nextEvent, noEvent, publish, startRedis, subscribe, token } from './helpers/index.ts'
import { openBrowser, openPage } from './helpers/browser.ts'

const redis = await startRedis(t)
const [one, two] = await cluster(t, 2, { REDIS_URL: redis.url, NODE_ENV: 'production' })
await Promise.all([one.ready(), two.ready()])
const browser = await openBrowser(t)
const operator = token({ sub: 'operator' })

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, colorScheme: 'dark' } as const
const DESKTOP = { viewport: { width: 1280, height: 800 }, colorScheme: 'light' } as const

async function enter (url: string, sub: string, ...apps: string[]): Promise<Socket> {
  const socket = await connect(t, url, { token: token({ sub }) })
  for (const appId of apps) await subscribe(socket, 'acme', appId)
  return socket
}

async function open (in_: Browser, bearer = operator, look: Parameters<Browser['newPage']>[0] = DESKTOP) {
  const opened = await openPage(in_, `${one.url}/inspector/#token=${bearer}`, look)
  await opened.page.getByRole('heading', { name: 'Rooms' }).waitFor()
  return opened
}

const go = async (page: Page, view: string) => await page.evaluate(`location.hash = '#/${view}'`)
const row = (page: Page, name: string) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) })

/** What axe finds, and what is wider than the window. */
async function faultsOf (page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<AxeResults>("axe.run({ resultTypes: ['violations'] })")
  const isTooWide = await page.evaluate<boolean>('document.documentElement.scrollWidth > screen.width')
  return [...violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`), ...isTooWide ? ['it goes over the side'] : []]
}

test('rooms, a room live, and who is there; the token is in no address and in no request but its header', async t => {
  const ann = await enter(two.url, 'ann', 'live', 'other')
  await publish(one.url, { workspaceId: 'acme', appId: 'live', event: 'FIRST', payload: 1 })
  const { page, faults } = await open(browser)
  const asked: string[] = []
  page.on('request', request => asked.push(request.url()))
  await row(page, 'acme/live').waitFor()
  t.strictSame(await row(page, 'acme/live').getByRole('cell').allTextContents().then(cells => cells.slice(0, 4)), ['1', '1', '0', '1'])
  t.equal(new URL(page.url()).hash, '#/rooms')

  await page.getByRole('link', { name: 'acme/live' }).click()
  await page.getByText('live', { exact: true }).waitFor()
  const updates = page.getByRole('log').getByRole('listitem')
  await updates.filter({ hasText: 'FIRST' }).waitFor()
  for (const appId of ['other', 'live']) await publish(two.url, { workspaceId: 'acme', appId, event: `NEWS_OF_${appId}`, payload: { text: `<b>${appId}</b>` } })
  const news = updates.filter({ hasText: 'NEWS_OF_live' })
  await news.getByText(/^\d+ ms$/).waitFor()
  await news.locator('summary').click()
  await news.getByText('"text": "<b>live</b>"').waitFor()
  t.equal(await updates.filter({ hasText: 'NEWS_OF_other' }).count(), 0)
  await page.getByText(/^Delivery: \d+ ms as a rule, \d+ ms at most, of the last 1$/).waitFor()
  await page.getByRole('region', { name: 'Standing' }).getByRole('link', { name: 'ann' }).waitFor()
  await page.getByText('On 2 instances; a user on several of them counts on each').waitFor()
  await eventually(async () => await page.locator('dd').first().textContent() === '#2')

  ann.close()
  await page.getByRole('region', { name: 'Standing' }).getByRole('link', { name: 'ann' }).waitFor({ state: 'detached' })
  const secret = operator.split('.')[2] as string
  t.strictSame(asked.filter(url => url.includes(secret)), [])
  t.notOk(page.url().includes(secret))
  t.strictSame(faults, [])
  await page.close()
})

test('a user is taken out of a room, and disconnected, each after a question; nobody else is', async t => {
  const [bob, other] = [await enter(one.url, 'bob', 'a', 'b'), await enter(two.url, 'other', 'a')]
  const { page } = await open(browser)
  await page.getByRole('link', { name: 'Users' }).click()
  await page.getByLabel('User').fill('bob')
  await page.keyboard.press('Enter')
  await page.getByText('1 connection', { exact: true }).waitFor()

  const leave = page.getByRole('button', { name: 'Unsubscribe from acme/a' })
  await leave.click()
  await page.getByRole('button', { name: 'Keep' }).click()
  await leave.waitFor()
  const ended = nextEvent(bob, 'unsubscribed')
  await noEvent(other, 'unsubscribed', async () => {
    await leave.click()
    await page.getByRole('dialog').getByRole('button', { name: 'Unsubscribe' }).click()
    t.match(await ended, { appId: 'a', code: 'auth/unsubscribed' })
    await page.getByText('1 connection of bob left acme/a.').waitFor()
    await subscribe(other, 'acme', 'barrier')
  })
  await leave.waitFor({ state: 'detached' })

  const closing = nextEvent(bob, 'closing')
  await page.getByRole('button', { name: 'Disconnect user' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click()
  t.match(await closing, { code: 'auth/disconnected' })
  await page.getByText('1 connection of bob ended.').waitFor()
  await page.getByText('Not connected.').waitFor()
  t.ok(other.connected)
  await page.close()
})

test('instances, and one that does not answer; a token of one workspace sees that alone', async t => {
  await enter(two.url, 'cat', 'mine')
  await subscribe(await connect(t, one.url, { token: token({ sub: 'dan' }) }), 'theirs', 'a')
  const { page } = await open(browser, token({ sub: 'host', capabilities: { 'acme/*': ['manage'] } }))
  await row(page, 'acme/mine').waitFor()
  t.equal(await page.getByText('theirs').count(), 0)
  await go(page, 'room/acme/mine')
  await page.getByText('the token may not subscribe').waitFor()
  await publish(one.url, { workspaceId: 'acme', appId: 'mine', event: 'ASKED_FOR', payload: 1 })
  await page.getByText('ASKED_FOR').waitFor()
  await go(page, 'instances')
  await page.getByText(/^auth\/forbidden: /).waitFor()
  await page.close()

  const { page: all } = await open(browser)
  await go(all, 'instances')
  await all.getByText('2 instances').waitFor()
  t.equal(await all.getByText('ready', { exact: true }).count(), 2)
  two.pause()
  await all.getByText('no answer').waitFor()
  await all.getByText(/^An instance that lives did not answer/).waitFor()
  two.resume()
  await all.getByText('no answer').waitFor({ state: 'detached' })
  await all.close()
})

test('without a token, or with one that is none, or revoked, it asks for one and shows nothing', async t => {
  const { page, faults } = await openPage(browser, `${one.url}/inspector/`, PHONE)
  t.equal(await page.getByRole('navigation').count(), 0)
  await page.getByLabel('Token').fill('none at all')
  await page.keyboard.press('Enter')
  await page.getByText('That is not a token').waitFor()
  const revoked = token({ sub: 'eve', jti: 'inspector-revoked' })
  t.match(await call(one.url, 'POST', '/api/v1/tokens/revoke', { token: operator, body: { jti: 'inspector-revoked' } }), { status: 200 })
  await page.getByLabel('Token').fill(revoked)
  await page.keyboard.press('Enter')
  await page.getByText(/^The token has been revoked/).waitFor()
  await page.getByLabel('Token').fill(operator)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Rooms' }).waitFor()
  await page.getByRole('button', { name: 'Forget token' }).click()
  await page.getByRole('button', { name: 'Look inside' }).waitFor()
  t.strictSame(faults.filter(fault => !fault.includes('401')), [])
  await page.close()
})

test('axe finds nothing on any view, and nothing goes over the side, on a phone in the dark and on a desktop', async t => {
  await enter(one.url, 'mia', 'axe', 'a-room-with-a-name-of-some-length-as-people-give-them')
  for (let n = 0; n < 3; n++) await publish(one.url, { workspaceId: 'acme', appId: 'axe', event: 'CARD_MOVED', payload: { n, text: 'x'.repeat(300) } })
  for (const look of [PHONE, DESKTOP]) {
    const { page, faults } = await openPage(browser, `${one.url}/inspector/`, look)
    t.strictSame(await faultsOf(page), [], 'asking for a token')
    await page.getByLabel('Token').fill(operator)
    await page.keyboard.press('Enter')
    await row(page, 'acme/axe').waitFor()
    t.strictSame(await faultsOf(page), [], 'rooms')
    await go(page, 'room/acme/axe')
    await page.getByText('live', { exact: true }).waitFor()
    await page.getByRole('log').locator('summary').first().click()
    t.strictSame(await faultsOf(page), [], 'a room')
    await go(page, 'user/mia')
    await page.getByRole('button', { name: 'Disconnect user' }).click()
    t.strictSame(await faultsOf(page), [], 'a user, with a question')
    await page.getByRole('button', { name: 'Keep' }).click()
    await go(page, 'instances')
    await page.getByText('2 instances').waitFor()
    t.strictSame(await faultsOf(page), [], 'instances')
    t.strictSame(faults, [])
    await page.close()
  }
})
