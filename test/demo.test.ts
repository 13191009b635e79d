// `npm run demo` as a newcomer sees it: an address, a token, an update on another instance, and nothing left behind.
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'tap'
import { startChild } from './helpers/child.ts'
import { connect, eventually, follow, freePort, HOST, pathOf, publish, startRoomcast, within } from './helpers/index.ts'

const demo = pathOf('scripts/demo.js')

test('the demo starts, carries an update through nginx, and ends cleanly with Ctrl-C', async t => {
  const [port, internalPort] = [await freePort(), await freePort()]
  const child = await startChild(t, process.execPath, [demo], {
    PATH: process.env.PATH, DEMO_PORT: String(port), DEMO_INTERNAL_PORT: String(internalPort)
  }, 'TERM')
  const [bearer] = await eventually(() => /^[\w-]+\.[\w-]+\.[\w-]+$/m.exec(child.output()), 40_000)
  const ports = [...child.output().matchAll(/http:\/\/127\.0\.0\.1:(\d+)/g)].map(([, found]) => Number(found))
  t.equal(ports.length, 6, 'two doors, three instances, and the link for two collaborators')
  t.strictSame(ports.slice(0, 2), [port, internalPort])

  const follower = await follow(await connect(t, `http://${HOST}:${port}`, { token: bearer }), 'acme', 'board-1')
  const other = await follow(await connect(t, `http://${HOST}:${port}`, { token: bearer }), 'acme', 'board-2')
  t.equal((await publish(`http://${HOST}:${internalPort}`, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 1 }, bearer)).status, 200)
  await follower.until(1)
  t.equal((await publish(`http://${HOST}:${internalPort}`, { workspaceId: 'acme', appId: 'board-2', event: 'N', payload: 2 }, bearer)).status, 200)
  t.equal((await other.until(1)).length, 1, 'the other room heard only its own')

  t.strictSame(await within(40_000, 'exit', child.kill('SIGINT')), { code: 0, signal: null })
  for (const one of ports) await t.rejects(fetch(`http://${HOST}:${one}/livez`), `nothing listens on ${one} any more`)
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
