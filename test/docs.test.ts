// What the pages in docs/ say is what the service does: generated parts are fresh, and the client that is printed there works.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Socket } from 'socket.io-client'
import { test } from 'tap'
import { errorCodes } from '../services/wire/errors.ts'
import type { StreamPosition, Update } from '../services/wire/protocol.ts'
import { eventually, pathOf, publish, startInstance, token, within } from './helpers/index.ts'
import { startChild } from './helpers/child.ts'

type Follow = (
  url: string, token: string, room: { workspaceId: string, appId: string }, onUpdate: (update: Update) => void, onReload: (position: StreamPosition) => void
) => Socket

function page (path: string): string {
  return readFileSync(pathOf(`docs/${path}`), 'utf8')
}

test('generated parts match this build: tables, and the types of the client', async t => {
  for (const script of ['scripts/client-types.js', 'scripts/protocol-doc.js', 'scripts/readme-faults.js', 'scripts/tested-with.js']) {
    const check = await startChild(t, process.execPath, [script, '--check'])
    const { code } = await within(20_000, 'the check', check.exited)
    t.equal(code, 0, check.output())
  }
  for (const error of Object.keys(errorCodes)) t.ok(page('protocol.md').includes(`| \`${error}\` |`), `${error} is documented`)
})

test('the client of docs/protocol.md gets every update once and in order over a lost connection, and is told when it cannot', async t => {
  const code = /<!-- snippet: client -->\n```js\n([\s\S]*?)```/.exec(page('protocol.md'))?.[1] ?? ''
  const folder = t.testdir({ 'client.mjs': code })
  const { follow } = await import(pathToFileURL(join(folder, 'client.mjs')).href) as { follow: Follow }

  const instance = await startInstance(t, { HISTORY_SIZE: '3', FEED_TAIL_BYTES: '0' })
  const updates: Update[] = []
  const reloads: StreamPosition[] = []
  const socket = follow(instance.url, token(), { workspaceId: 'acme', appId: 'board-1' }, update => updates.push(update), position => reloads.push(position))
  t.teardown(() => socket.close())
  const offsets = () => updates.map(({ offset }) => offset)
  const publishSome = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await publish(instance.url, { workspaceId: 'acme', appId: 'other', event: 'N', payload: i })
      t.equal((await publish(instance.url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: i })).status, 200)
    }
  }
  await eventually(() => reloads.length === 1)
  await publishSome(2)
  await eventually(() => offsets().length === 2)

  const loseConnection = async () => {
    const lost = new Promise(resolve => { socket.once('disconnect', resolve) })
    socket.io.engine.close()
    await within(5000, 'disconnect', lost)
  }
  await loseConnection()
  await publishSome(3)
  await eventually(() => offsets().length === 5, 10_000)
  t.strictSame(offsets(), [1, 2, 3, 4, 5])
  t.equal(reloads.length, 1, 'nothing had to be loaded anew')

  await loseConnection()
  await publishSome(4)
  await eventually(() => reloads.length === 2, 10_000)
  t.equal(reloads[1]?.offset, 9)
  await publishSome(1)
  await eventually(() => offsets().at(-1) === 10)
  t.strictSame(offsets(), [1, 2, 3, 4, 5, 10], 'no partial replay')
  t.ok(updates.every(({ appId }) => appId === 'board-1'), 'and nothing of another room')
})
