// The pages in a real Chromium: axe finds nothing serious, nothing goes over the side of a phone, and one leads to the other.
import type { Browser, Page } from 'playwright-core'
import { test } from 'tap'
import { faultsOf } from './helpers/axe.ts'
import { startInstance } from './helpers/index.ts'
import { connected, openBrowser, openPage, say, side } from './helpers/browser.ts'

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
const DESKTOP = { viewport: { width: 1280, height: 800 } }
/** Both forms and both schemes, each once. */
const looks = [{ ...PHONE, colorScheme: 'dark' }, { ...DESKTOP, colorScheme: 'light' }] as const

/** Opens the page in each look, does something there, and expects no fault. */
async function looksGood (browser: Browser, url: string, act: (page: Page) => Promise<void>): Promise<string[]> {
  const all: string[] = []
  for (const look of looks) {
    const { page, faults } = await openPage(browser, url, look)
    await act(page)
    all.push(...faults, ...await faultsOf(page))
    await page.close()
  }
  return all
}

test('axe finds nothing serious on any page, on a phone and on a desktop, and each leads to the others', async t => {
  const instance = await startInstance(t, { JWT_SECRET: '', NODE_ENV: '' })
  await instance.ready()
  const browser = await openBrowser(t)

  await t.test('the playground, in use', async t => {
    t.strictSame(await looksGood(browser, instance.url, async page => {
      await connected(page)
      await say(page, 0, 'Hello')
      await side(page, 1).getByText('Hello').click()
      await side(page, 0).getByText('Publish any event').click()
      await side(page, 1).getByText('Go offline').click()
      await page.getByText('A stock client in the same room').click()
      await page.getByText('nothing was missed yet').waitFor()
    }), [])
  })

  await t.test('the form that asks for a token', async t => {
    t.strictSame(await looksGood(browser, `${instance.url}/#token=none`, page => page.getByRole('alert').waitFor()), [])
  })

  await t.test('the HTTP API, with one operation open', async t => {
    t.strictSame(await looksGood(browser, `${instance.url}/docs`, async page => {
      t.equal(await page.getByText('Socket events').getAttribute('href'), '/docs/socket/')
      await page.locator('.opblock-summary-control', { hasText: '/presence' }).click()
      await page.getByText('Try it out').first().waitFor()
    }), [])
  })

  await t.test('the socket events, also without the last slash', async t => {
    t.strictSame(await looksGood(browser, `${instance.url}/docs/socket`, async page => {
      t.equal(await page.getByRole('link', { name: 'HTTP API' }).getAttribute('href'), '/docs/')
      const subscribe = page.getByRole('region', { name: 'subscribe', exact: true })
      t.equal(await subscribe.getByRole('rowheader', { name: 'payload.since.epoch' }).count(), 1)
      t.notMatch(await page.textContent('main'), /"\$ref"|"properties"|maxLength/, 'no schema as JSON')
      t.notMatch((await page.locator('nav a').allTextContents()).join(' '), /[a-z][A-Z][a-z]/, 'names in words')
      t.strictSame(await page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].map(({ hash }) => hash.slice(1)).filter(id => !document.getElementById(id))"), [], 'no link to nowhere')
    }), [])
  })
})
