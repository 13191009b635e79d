// A real Chromium, gone when the test is over.
import { chromium, type Browser, type Page } from 'playwright-core'
import type { Scope } from './scope.ts'

export async function openBrowser (t: Scope): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'
    ]
  })
  t.teardown(() => browser.close())
  return browser
}

/** A page, and what went wrong on it: errors of scripts, refused resources, complaints of the console. */
export async function openPage (browser: Browser, url: string, options: Parameters<Browser['newPage']>[0] = {}): Promise<{ page: Page, faults: string[] }> {
  const page = await browser.newPage(options)
  page.setDefaultTimeout(15_000)
  const faults: string[] = []
  page.on('pageerror', error => faults.push(error.message))
  page.on('console', message => { if (['error', 'warning'].includes(message.type())) faults.push(message.text()) })
  await page.goto(url)
  return { page, faults }
}

// ── The playground ──────────────────────────────────────────────────────────

export const side = (page: Page, n: number) => page.locator('.side').nth(n)
export const fact = (page: Page, n: number, name: string) => side(page, n).locator(`[data-fact=${name}]`)
export const log = (page: Page, n: number) => side(page, n).locator('.log')

export async function connected (page: Page): Promise<void> {
  for (const n of [0, 1]) {
    await side(page, n).locator('.status', { hasText: 'connected' }).waitFor()
    await log(page, n).getByText('In the room').waitFor()
  }
}

export async function say (page: Page, n: number, text: string): Promise<void> {
  await side(page, n).getByLabel('Text to publish').fill(text)
  await side(page, n).getByLabel('Text to publish').press('Enter')
}
