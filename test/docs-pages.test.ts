// The pages for newcomers: what migrating.md shows works, and troubleshooting.md names every error code.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FastifyInstance } from 'fastify'
import type { Socket } from 'socket.io-client'
import { test } from 'tap'
import { Settings } from '../services/settings.ts'
import { errorCodes } from '../services/wire/errors.ts'
import { call, connect, eventually, HOST, nextEvent, pathOf, roomEvent, startInstance, startRedis, subscribe, TEST_SECRET, token } from './helpers/index.ts'

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

test('the app of host.md publishes once, and says when to try again', async t => {
  const page = readFileSync(pathOf('docs/host.md'), 'utf8')
  const code = /<!-- snippet: host -->\n```js\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
  const redis = await startRedis(t)
  Object.assign(process.env, { JWT_SECRET: TEST_SECRET, REDIS_URL: redis.url })
  const { fastify } = await import(pathToFileURL(join(t.testdir({ 'host.mjs': code }), 'host.mjs')).href) as { fastify: FastifyInstance }
  t.teardown(() => fastify.close())
  const url = await fastify.listen({ host: HOST, port: 0 })
  await eventually(() => fastify.roomcast.readiness.faults().length === 0)
  const socket = await connect(t, url, { token: token() })
  await subscribe(socket, 'acme', 'board-1')
  const heard = nextEvent(socket, roomEvent('acme', 'board-1'))
  const move = async () => await call(url, 'POST', '/cards/c1', { body: { column: 'done', moveId: 'move-1' } })
  t.match(await move(), { status: 200, text: '{"offset":1}' })
  t.match(await move(), { status: 200, text: '{"offset":1}' }, 'a repeat publishes nothing')
  t.match(await heard, { event: 'CARD_MOVED', payload: { card: 'c1', column: 'done' }, userId: 'ann' })
  t.equal((await call(url, 'POST', '/cards/c1', { body: { moveId: 'with spaces' } })).status, 400, 'thrown on, it is answered with its status')
  redis.pause()
  t.match(await call(url, 'POST', '/cards/c1', { body: { column: 'open', moveId: 'move-2' } }), { status: 503, text: /"tryAgain":true,"reason":"broker/ })
  redis.resume()
})

test('host.md names the errors of a publish, and only codes and settings that exist', async t => {
  const page = readFileSync(pathOf('docs/host.md'), 'utf8')
  for (const code of ['request/invalid', 'publish/payload-too-large', 'broker/unavailable', 'broker/timeout']) t.ok(page.includes(`| \`${code}\` |`), code)
  for (const [, code = ''] of page.matchAll(/`((?:auth|limit|broker|server|history|publish|presence|request)\/[a-z-]+)`/g)) t.ok(Object.hasOwn(errorCodes, code), code)
  for (const [, name = ''] of page.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)) t.ok(Object.hasOwn(Settings.properties, name), name)
})

test('troubleshooting.md names every error code, and only settings and codes that exist', async t => {
  const page = readFileSync(pathOf('docs/troubleshooting.md'), 'utf8')
  for (const code of Object.keys(errorCodes)) t.ok(page.includes(`\`${code}\``), code)
  for (const [, code = ''] of page.matchAll(/`((?:auth|limit|broker|server|history|publish|presence|request)\/[a-z-]+)`/g)) t.ok(Object.hasOwn(errorCodes, code), code)
  for (const [, name = ''] of page.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)) t.ok(Object.hasOwn(Settings.properties, name), name)
})
