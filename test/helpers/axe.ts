// What axe finds on a page that is open in Chromium.
import axe, { type AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

/** What axe calls serious or critical, and what is wider than the window. */
export async function faultsOf (page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<AxeResults>("axe.run({ resultTypes: ['violations'] })")
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  const isTooWide = await page.evaluate<boolean>('document.documentElement.scrollWidth > screen.width')
  return [...serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`), ...isTooWide ? ['it goes over the side'] : []]
}
