// The Postman collection is of this build, and each of its requests answers as its example says.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import type { Update } from '../services/wire/protocol.ts'
import { startChild } from './helpers/child.ts'
import { connect, nextEvent, noEvent, pathOf, roomEvent, startInstance, subscribe, token, within } from './helpers/index.ts'

interface Item {
  name: string
  request: {
    method: string
    auth?: { type: string }
    header: Array<{ key: string, value: string, disabled?: boolean }>
    url: { raw: string }
    body?: { raw: string }
  }
  response: Array<{ code: number, body: string }>
}

interface Collection {
  info: { schema: string }
  auth: { type: string, bearer: Array<{ key: string, value: string }> }
  variable: Array<{ key: string, value: string }>
  item: Array<{ name: string, item: Item[] }>
}

const collection = JSON.parse(readFileSync(pathOf('docs/postman/roomcast.postman_collection.json'), 'utf8')) as Collection
const items = collection.item.flatMap(({ item }) => item)

/** What Postman does with a request of the collection: variables, the collection's authorization, enabled headers. */
async function run ({ request }: Item, values: Record<string, string>): Promise<{ status: number, text: string }> {
  const variables: Record<string, string> = { ...Object.fromEntries(collection.variable.map(({ key, value }) => [key, value])), ...values }
  const fill = (text: string) => text.replaceAll(/\{\{(\$?\w+)\}\}/g, (_, name: string) => name === '$guid' ? randomUUID() : variables[name] ?? `{{${name}}}`)
  const headers = new Headers(request.header.filter(({ disabled }) => disabled !== true).map(({ key, value }) => [key, value]))
  const [bearer] = collection.auth.bearer
  if (request.auth?.type !== 'noauth') headers.set('authorization', `Bearer ${fill(bearer?.value ?? '')}`)
  const response = await fetch(fill(request.url.raw), { method: request.method, headers, ...request.body === undefined ? {} : { body: fill(request.body.raw) } })
  return { status: response.status, text: await response.text() }
}

test('the collection is that of this build', async t => {
  const check = await startChild(t, process.execPath, ['scripts/postman.js', '--check'])
  const { code } = await within(30_000, 'the check', check.exited)
  t.equal(code, 0, check.output())
  t.match(collection.info.schema, /v2\.1\.0/)
})

test('every request of the collection answers as its example says, and a subscriber of its room sees what it publishes', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const values = { baseUrl: instance.url, token: token() }
  // As Postman's Socket.IO client does; of another user than the one whose sessions the collection ends.
  const zoe = await connect(t, instance.url, { transports: ['websocket'], extraHeaders: { authorization: `Bearer ${token({ sub: 'zoe' })}` } })
  const eve = await connect(t, instance.url, { token: token({ sub: 'eve' }) })
  await subscribe(zoe, 'acme', 'board-1')
  await subscribe(eve, 'acme', 'board-2')
  const first = nextEvent<Update>(zoe, roomEvent('acme', 'board-1'))
  await noEvent(eve, roomEvent('acme', 'board-1'), async () => {
    for (const item of items) {
      const { status, text } = await run(item, values)
      const [example] = item.response
      t.equal(status, example?.code, `${item.name}: ${text.slice(0, 200)}`)
      if (example?.body.startsWith('{') === true) t.strictSame(Object.keys(JSON.parse(text) as object), Object.keys(JSON.parse(example.body) as object), `${item.name}: same fields`)
    }
    await subscribe(eve, 'acme', 'barrier')
  })
  t.match(await first, { event: 'CARD_MOVED', workspaceId: 'acme', appId: 'board-1', offset: 1 })
  const publishing = items.find(({ request }) => request.url.raw.endsWith('/publish'))
  const again = nextEvent<Update>(zoe, roomEvent('acme', 'board-1'))
  if (publishing !== undefined) await run(publishing, values)
  t.match(await again, { offset: 4 }, 'and who presses Send again sees another')
  for (const item of items.filter(({ request }) => request.auth?.type !== 'noauth')) {
    t.equal((await run(item, { ...values, token: 'none' })).status, 401, `${item.name} needs the token`)
  }
})
