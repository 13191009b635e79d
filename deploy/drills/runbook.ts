// What the page says that an alert leads to: the text under the anchor of its runbook_url.
import { readFileSync } from 'node:fs'
import { pathOf } from '../../test/helpers/paths.ts'

/**
 * @param url as in deploy/alerts.yml, `…/blob/main/FILE#ANCHOR`
 * @returns the paragraph after the line that repeats the rule
 * @throws Error if the page has no such heading
 */
export function readRunbook (url: string): string {
  const [, file = '', anchor = ''] = /\/blob\/main\/([^#]+)#(.+)$/.exec(url) ?? []
  const sections = readFileSync(pathOf(file), 'utf8').split(/^(?=#+ )/m)
  const section = sections.find(text => (/^#+ (.+)$/m.exec(text)?.[1] ?? '').toLowerCase().replaceAll(' ', '-') === anchor)
  if (section === undefined) throw new Error(`${file} has no heading for #${anchor}`)
  return section.trim().split('\n').slice(3).join('\n')
}

export function firstSentence (text: string): string {
  return /^[^]*?[.:](?=\s|$)/.exec(text)?.[0] ?? text
}
