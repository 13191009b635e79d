// The hooks in a real browser, with React 19 in StrictMode: one connection, one subscription, stable references, and no
// render for an event that nobody reads.
import { test, type Test } from 'tap'
import ts from 'typescript'
import { eventually, metric, publish, startInstance, startRedis, token, type Instance } from '../helpers/index.ts'
import { openBrowser } from '../helpers/browser.ts'
import { bundle, openWatched, servePage, type WatchedPage } from '../helpers/bundle.ts'
import { pathOf } from '../helpers/paths.ts'

interface Seen { renders: Record<string, number>, rooms: number, publishers: number, setters: number, resets: number }

const room = { workspaceId: 'acme', appId: 'board-1' }
const connections = (instance: Instance) => metric(instance.url, 'roomcast_connections_total', 'outcome="connected"')

async function open (t: Test, env: Record<string, string> = {}, query = ''): Promise<{ instance: Instance, opened: WatchedPage, origin: string }> {
  const { script } = await bundle(pathOf('test/client/react/app.tsx'))
  const origin = await servePage(t, script)
  const instance = await startInstance(t, { CORS_ORIGINS: origin, ...env })
  await instance.ready()
  const { searchParams } = new URL(`?${query}`, origin)
  searchParams.set('url', instance.url)
  searchParams.set('token', token({ sub: 'ann', name: 'Ann' }))
  return { instance, origin, opened: await openWatched(await openBrowser(t), `${origin}/?${searchParams.toString()}`) }
}

async function seen ({ page }: WatchedPage): Promise<Seen> {
  return await page.evaluate('({ ...seen, rooms: seen.rooms.size, publishers: seen.publishers.size, setters: seen.setters.size })')
}

async function shows ({ page }: WatchedPage, id: string, text: string | RegExp): Promise<void> {
  await page.locator(`#${id}`, { hasText: text }).waitFor()
}

test('mounted twice by StrictMode there is one connection and one subscription; a remount neither leaves nor joins', async t => {
  const { instance, opened } = await open(t)
  await shows(opened, 'status', 'connected')
  await shows(opened, 'people', '1: Ann')
  t.equal(await connections(instance), 1)
  t.strictSame(opened.asked, ['SUBSCRIBE board-1'])
  t.equal(opened.sockets.length, 1)

  const board = opened.page.getByText('board', { exact: true })
  await board.click()
  await board.click()
  await shows(opened, 'people', '1: Ann')
  await publish(instance.url, { ...room, event: 'CARD_MOVED', payload: { card: 'c1' } })
  await shows(opened, 'cards', 'c1')
  t.strictSame(opened.asked, ['SUBSCRIBE board-1'])

  await board.click()
  await eventually(() => opened.asked.length === 2)
  t.strictSame(opened.asked, ['SUBSCRIBE board-1', 'UNSUBSCRIBE board-1'])
  await opened.page.getByText('all', { exact: true }).click()
  await eventually(async () => await metric(instance.url, 'roomcast_sockets') === 0)
  await opened.page.getByText('all', { exact: true }).click()
  await shows(opened, 'status', 'connected')
  t.equal(await connections(instance), 2)
  t.strictSame(opened.faults, [])
})

test('references stay, listeners are those of the last render, and nothing is rendered for what nobody reads', async t => {
  const { instance, opened } = await open(t)
  await shows(opened, 'people', '1: Ann')
  const before = await seen(opened)
  for (const card of ['a', 'b', 'c']) await opened.page.evaluate(`seen.publish('CARD_MOVED', '${card}')`)
  await shows(opened, 'cards', 'a b c')
  for (let n = 0; n < 20; n++) await publish(instance.url, { ...room, event: 'OTHER', payload: n })
  await publish(instance.url, { ...room, appId: 'board-2', event: 'CARD_MOVED', payload: { card: 'of another room' } })
  await publish(instance.url, { ...room, event: 'CARD_MOVED', payload: { card: 'd' } })
  await shows(opened, 'cards', 'a b c d')
  const after = await seen(opened)
  const rendered = Object.fromEntries(Object.entries(after.renders).map(([name, count]) => [name, count - (before.renders[name] ?? 0)]))
  // StrictMode renders everything twice.
  t.strictSame(rendered, { status: 0, people: 0, board: 0, cards: 8 })

  await opened.page.getByText('people', { exact: true }).click()
  await opened.page.getByText('people', { exact: true }).click()
  await shows(opened, 'people', '1: Ann')
  const { rooms, publishers } = await seen(opened)
  t.strictSame({ rooms, publishers }, { rooms: 1, publishers: 1 })
  t.strictSame(opened.faults, [])
})

test('the status shows that a service is down and up again; missed updates arrive, or a reset reports that they cannot', async t => {
  const redis = await startRedis(t)
  const first = await startInstance(t, { REDIS_URL: redis.url })
  await first.ready()
  const { body: { data: { epoch } } } = await publish(first.url, { ...room, event: 'CARD_MOVED', payload: { card: 'old' } })
  const { instance, opened, origin } = await open(t, { REDIS_URL: redis.url }, `since=${epoch}`)
  await shows(opened, 'people', '1: Ann')
  t.equal((await seen(opened)).resets, 0)
  await instance.kill()
  await shows(opened, 'status', 'connecting')
  const again = await startInstance(t, { REDIS_URL: redis.url, PORT: String(instance.port), CORS_ORIGINS: origin })
  await again.ready()
  await publish(again.url, { ...room, event: 'CARD_MOVED', payload: { card: 'missed' } })
  await shows(opened, 'status', 'connected')
  await shows(opened, 'cards', 'missed')

  await redis.client().flushall()
  await eventually(async () => (await seen(opened)).resets === 1, 15_000)
  await publish(again.url, { ...room, event: 'CARD_MOVED', payload: { card: 'new' } })
  await shows(opened, 'cards', 'missed new')
})

test('a component says what it does; after the room was left and joined anew it says so again', async t => {
  const { opened } = await open(t)
  await shows(opened, 'states', 'null')
  await opened.page.getByText('select', { exact: true }).click()
  await shows(opened, 'states', '{"selected":"c7"}')
  t.equal((await seen(opened)).setters, 1)
  const people = opened.page.getByText('people', { exact: true })
  await people.click()
  await people.click()
  await shows(opened, 'states', '{"selected":"c7"}')
  t.strictSame(opened.faults, [])
})

test('the page of the hooks compiles against the types as they are shipped', async t => {
  const config = ts.parseJsonConfigFileContent(ts.readConfigFile(pathOf('test/client/react/tsconfig.json'), path => ts.sys.readFile(path)).config, ts.sys, pathOf('test/client/react'))
  const faults = ts.getPreEmitDiagnostics(ts.createProgram(config.fileNames, config.options))
  t.strictSame(faults.map(({ messageText, file }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`), [])
})
