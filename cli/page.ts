// A page of what operators see: as a table, or with --json as the service answers it.
import { CommandError, type Values } from './command.ts'
import { ask, readService, serviceOptions } from './service.ts'

export const pageOptions = {
  limit: { type: 'string', value: 'ROWS', help: 'at most so many, up to 100' },
  after: { type: 'string', value: 'KEY', help: 'goes on after that one, as the last page says' },
  json: { type: 'boolean', help: 'as JSON' },
  ...serviceOptions
} as const

interface Page {
  complete: boolean
  next: string | null
}

/** Prints one page. @throws CommandError also where an instance did not answer: then something may be missing */
export async function showPage<T extends Page> (
  { limit, after, json = false, ...service }: Values<typeof pageOptions>, path: string, query: Record<string, string>, textOf: (page: T) => string
): Promise<void> {
  const asked = new URLSearchParams({ ...query, ...limit !== undefined && { limit }, ...after !== undefined && { after } })
  const page = await ask<T>(readService(service), 'GET', asked.size === 0 ? path : `${path}?${asked}`)
  console.log(json ? JSON.stringify(page) : textOf(page))
  if (page.next !== null) console.error(`# there are more: --after ${page.next} goes on`)
  if (!page.complete) throw new CommandError('an instance that lives did not answer in time; what it holds is missing here')
}
