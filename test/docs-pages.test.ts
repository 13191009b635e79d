// The pages for newcomers: what migrating.md shows works, and troubleshooting.md names every error code.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Socket } from 'socket.io-client'
import { test } from 'tap'
import { Settings } from '../services/settings.ts'
import { errorCodes } from '../services/wire/errors.ts'
import { eventually, pathOf, startInstance, token } from './helpers/index.ts'

interface Migrated {
  moveCard (url: string, token: string, boardId: number, move: { id: string, card: string, column: string }): Promise<number>
  showBoard (url: string, token: string, boardId: number, move: (card: string, column: string) => void): Socket
}

test('the service and the page of migrating.md: a card moves on the board it belongs to, once, and on no other', async t => {
  const page = readFileSync(pathOf('docs/migrating.md'), 'utf8')
  const code = /<!-- snippet: migrated -->\n```js\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
  const { moveCard, showBoard } = await import(pathToFileURL(join(t.testdir({ 'migrated.mjs': code }), 'migrated.mjs')).href) as Migrated
  const instance = await startInstance(t)
  await instance.ready()

  const moves: string[] = []
  const socket = showBoard(instance.url, token(), 7, (card, column) => moves.push(`${card} to ${column}`))
  const elsewhere: string[] = []
  const other = showBoard(instance.url, token(), 8, card => elsewhere.push(card))
  t.teardown(() => { for (const each of [socket, other]) each.close() })
  const subscribed = (each: Socket) => new Promise(resolve => { each.once('application_response', resolve) })
  await Promise.all([subscribed(socket), subscribed(other)])

  const move = { id: 'row-1', card: 'c1', column: 'done' }
  t.equal(await moveCard(instance.url, token({ sub: 'svc' }), 7, move), 1)
  t.equal(await moveCard(instance.url, token({ sub: 'svc' }), 7, move), 1, 'a repeat publishes nothing')
  await moveCard(instance.url, token({ sub: 'svc' }), 7, { id: 'row-2', card: 'c2', column: 'open' })
  await eventually(() => moves.length === 2)
  t.strictSame(moves, ['c1 to done', 'c2 to open'])
  t.strictSame(elsewhere, [])
  await t.rejects(moveCard(instance.url, token({ sub: 'svc', capabilities: {} }), 7, move), { code: 'auth/forbidden', retryable: false })
})

test('troubleshooting.md names every error code, and only settings and codes that exist', async t => {
  const page = readFileSync(pathOf('docs/troubleshooting.md'), 'utf8')
  for (const code of Object.keys(errorCodes)) t.ok(page.includes(`\`${code}\``), code)
  for (const [, code = ''] of page.matchAll(/`((?:auth|limit|broker|server|history|publish|presence|request)\/[a-z-]+)`/g)) t.ok(Object.hasOwn(errorCodes, code), code)
  for (const [, name = ''] of page.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)) t.ok(Object.hasOwn(Settings.properties, name), name)
})
