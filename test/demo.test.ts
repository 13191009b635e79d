// `npm run demo` as a newcomer sees it: an address, a token, an update on another instance, what is killed comes back, and
// nothing is left behind.
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'tap'
import { connected, fact, log, openBrowser, openPage, say } from './helpers/browser.ts'
import { startChild } from './helpers/child.ts'
import { call, connect, eventually, follow, freePort, HOST, pathOf, publish, startRoomcast, within } from './helpers/index.ts'

const demo = pathOf('scripts/demo.js')
/** A process starts, and finds Redis. */
const RESTART_MS = 20_000

test('the demo carries updates through its first address, survives kill -9 and a restart of Redis, and ends cleanly with Ctrl-C', async t => {
  const [port, internalPort, prometheusPort] = [await freePort(), await freePort(), await freePort()]
  const url = `http://${HOST}:${port}`
  const child = await startChild(t, process.execPath, [demo], {
    PATH: process.env.PATH, DEMO_PORT: String(port), DEMO_INTERNAL_PORT: String(internalPort), DEMO_PROMETHEUS_PORT: String(prometheusPort)
  }, 'TERM')
  const [bearer] = await eventually(() => /^[\w-]+\.[\w-]+\.[\w-]+$/m.exec(child.output()), 40_000)
  await eventually(() => child.output().includes('Ctrl-C ends it.'))
  const addresses = new Set([...child.output().matchAll(/(?:http|redis):\/\/127\.0\.0\.1:(\d+)/g)].map(([, found]) => Number(found)))
  t.strictSame([...addresses].slice(0, 2), [port, internalPort], 'the address of all comes first')
  t.equal(addresses.size, 7, 'two doors, Redis, three instances and Prometheus')
  await eventually(async () => {
    const { data } = await (await fetch(`http://${HOST}:${prometheusPort}/api/v1/targets`)).json() as { data: { activeTargets: Array<{ health: string }> } }
    return data.activeTargets.length === 3 && data.activeTargets.every(({ health }) => health === 'up')
  }, 20_000)
  const pidOf = (name: string) => Number(new RegExp(`^ *${name} +pid (\\d+)`, 'm').exec(child.output())?.[1])

  const follower = await follow(await connect(t, url, { token: bearer, reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 }), 'acme', 'board-1')
  const other = await follow(await connect(t, url, { token: bearer }), 'acme', 'board-2')
  const publishTo = async (appId: string, at = url) => (await publish(at, { workspaceId: 'acme', appId, event: 'N', payload: 1 }, bearer)).status

  await t.test('the first address answers the API, as the internal one does', async t => {
    t.equal(await publishTo('board-1'), 200)
    t.equal(await publishTo('board-1', `http://${HOST}:${internalPort}`), 200)
    await follower.until(2)
    t.equal(await publishTo('board-2'), 200)
    t.equal((await other.until(1)).length, 1, 'the other room heard only its own')
  })

  await t.test('an instance that is killed runs again under another pid, and no publish fails meanwhile', async t => {
    const pid = pidOf('instance a')
    process.kill(pid, 'SIGKILL')
    const again = new RegExp(`instance a \\(pid ${pid}\\) ended with SIGKILL; it runs again as pid (\\d+)`)
    for (let n = 3; n <= 6; n++) t.equal(await publishTo('board-1'), 200)
    const [, fresh] = await eventually(() => again.exec(child.output()), RESTART_MS)
    t.not(Number(fresh), pid)
    t.ok(process.kill(Number(fresh), 0))
    await follower.until(6)
  })

  await t.test('the control endpoint lists and ends what comes back, and takes nothing else; an instance knows nothing of it', async t => {
    const list = await (await fetch(`${url}/demo/`)).json() as Array<{ name: string, pid: number, address: string }>
    t.strictSame(list.map(({ name }) => name), ['redis', 'instance a', 'instance b', 'instance c', 'nginx', 'prometheus'])
    const end = async (name: string, type = 'application/json') =>
      await fetch(`${url}/demo/end`, { method: 'POST', headers: { 'Content-Type': type }, body: JSON.stringify({ name }) })
    t.match(await (await end('instance b')).json(), { name: 'instance b', was: pidOf('instance b') })
    t.match(await (await end('redis')).json(), { name: 'redis', was: pidOf('redis') })
    for (const name of ['nginx', 'demo', '']) t.equal((await end(name)).status, 400, name)
    t.equal((await end('instance c', 'text/plain')).status, 415, 'what a page of another origin could send')
    const [, instance] = list
    t.equal((await call(instance?.address ?? '', 'POST', '/demo/end', { body: { name: 'redis' } })).status, 404)
    await eventually(async () => await publishTo('board-1') === 200, RESTART_MS)
    await follower.until(7)
  })

  await t.test('the buttons of the playground do the same: who was on the instance moves, and misses nothing', async t => {
    const link = /^http\S+#demo=1\S+$/m.exec(child.output())?.[0] ?? ''
    const { page, faults } = await openPage(await openBrowser(t), link)
    await connected(page)
    const instance = await fact(page, 0, 'instance').textContent() ?? ''
    await page.getByRole('button', { name: `Kill instance ${instance}` }).click()
    await page.getByText(`Instance ${instance} was ended`).waitFor({ timeout: RESTART_MS })
    await fact(page, 0, 'recovered').getByText('0 updates').waitFor({ timeout: RESTART_MS })
    await page.getByRole('button', { name: 'Restart Redis' }).click()
    await page.getByText('Redis was ended').waitFor({ timeout: RESTART_MS })
    await say(page, 0, 'still here')
    await log(page, 1).getByText('still here').waitFor({ timeout: RESTART_MS })
    t.strictSame(faults.filter(text => !text.includes('WebSocket')), [])
  })

  t.strictSame(await within(40_000, 'exit', child.kill('SIGINT')), { code: 0, signal: null })
  for (const one of addresses) await t.rejects(fetch(`http://${HOST}:${one}/livez`), `nothing listens on ${one} any more`)
})

test('`roomcast demo` is the same; a port that is taken is named, with the setting for another one', async t => {
  const taken = createServer().listen(0, HOST)
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const child = await startRoomcast(t, ['demo'], { DEMO_PORT: String(port) })
  t.strictSame(await within(20_000, 'exit', child.exited), { code: 1, signal: null })
  t.match(child.output(), `port ${port}: EADDRINUSE; give another one as DEMO_PORT`)
})
