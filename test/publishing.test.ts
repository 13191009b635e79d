// docs/publishing.md and its examples, as a reader runs them: Python, curl, the outbox, the webhook, the code on the page.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type Test } from 'tap'
import type { Update } from '../services/wire/protocol.ts'
import { connect, eventually, follow, freePort, roomEvent, startInstance, startProxy, startRedis, subscribe, token, upTo, within, type Follower, type Instance } from './helpers/index.ts'
import { startChild, type Child } from './helpers/child.ts'
import { pathOf } from './helpers/paths.ts'
import { answerWith, refuseWith, startStub } from './helpers/stub.ts'

const example = (name: string) => pathOf(`examples/${name}`)
const env = { PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: '1', PYTHONPATH: pathOf('examples') }
const python = async (t: Test, ...args: string[]) => await startChild(t, 'python3', args, env)

async function ended (child: Child, code: number, t: Test): Promise<string> {
  t.match(await within(30_000, 'its end', child.exited), { code }, child.output())
  return child.output()
}

async function member (t: Test, instance: Instance): Promise<Follower> {
  await instance.ready()
  return await follow(await connect(t, instance.url, { token: token(), reconnection: true }), 'acme', 'board-1')
}

const payloads = ({ updates }: Follower) => updates.map(({ payload }) => payload)

test('in Python: published once, also where the first answer is lost; refused, it says why', async t => {
  const instance = await startInstance(t)
  const follower = await member(t, instance)
  const proxy = await startProxy(t, instance.port)
  proxy.blackhole('toClient')
  const publishing = await python(t, example('publisher.py'), proxy.url('http'), token({ sub: 'svc' }))
  await follower.until(1, 15_000)
  proxy.dropAll()
  await proxy.heal()
  t.match(JSON.parse(await ended(publishing, 0, t)), { offset: 1, duplicate: true })
  t.equal(follower.updates.length, 1)
  t.match(await ended(await python(t, example('publisher.py'), instance.url, token({ capabilities: {} })), 1, t), /auth\/forbidden/)
})

test('in Python: the service is killed and restarted under it, every update comes once and in order', async t => {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url })
  await instance.ready()
  const follower = await member(t, await startInstance(t, { REDIS_URL: redis.url }))
  const publishing = await python(t, '-c', `
from publisher import Publisher
publisher = Publisher('${instance.url}', '${token({ sub: 'svc' })}', answer_timeout=1)
for n in range(1, 401):
    publisher.publish('acme/board-1', 'N', n)
print([result['error'] and result['error']['code'] for result in publisher.publish_many(['acme/board-1', 'acme/no id'], 'N', 401)])
`)
  await follower.until(50, 15_000)
  await instance.kill()
  await startInstance(t, { REDIS_URL: redis.url, PORT: String(instance.port) })
  t.match(await ended(publishing, 0, t), "[None, 'request/invalid']")
  await follower.until(401)
  t.strictSame(payloads(follower), upTo(401))
})

test('in Python and with curl: Retry-After is respected, and a page of another server is named', async t => {
  for (const [command, file] of [['python3', 'publisher.py'], ['sh', 'publish.sh']] as const) {
    const stub = await startStub(t, (request, response, n) => {
      if (n === 0) refuseWith(response, 503, 'broker/unavailable', { 'Retry-After': '2' })
      else answerWith(response, 200, { id: 'x', epoch: 'e', offset: 1, duplicate: false, instances: 1 })
    })
    await ended(await startChild(t, command, [example(file), stub.url, 'token'], env), 0, t)
    const [first, second] = stub.requests
    t.ok((second?.at ?? 0) - (first?.at ?? 0) >= 1999, file)
    t.strictSame([second?.body, second?.headers['idempotency-key']], [first?.body, first?.headers['idempotency-key']], 'the same again')

    const page = await startStub(t, (request, response) => response.writeHead(404, { 'Content-Type': 'text/html' }).end('<html>nginx</html>'))
    const child = await startChild(t, command, [example(file), page.url, 'token'], env)
    t.not((await within(30_000, 'its end', child.exited)).code, 0)
    t.match(child.output(), `${page.url}/api/v1/publish`, file)
    t.equal(page.requests.length, 1)
  }
})

test('the outbox: what is committed is published once, in order, though the relay is killed after publishing; what is rolled back is not', async t => {
  const instance = await startInstance(t)
  const follower = await member(t, instance)
  const proxy = await startProxy(t, instance.port)
  const database = join(t.testdir(), 'board.db')
  const move = async (card: string, column: string, code = 0) => await ended(await python(t, example('outbox.py'), database, 'move', card, column), code, t)
  const startRelay = async () => await python(t, example('outbox.py'), database, 'relay', proxy.url('http'), token({ sub: 'svc' }))

  await move('c1', 'todo')
  t.match(await move('c2', 'nowhere', 1), 'CHECK constraint failed')
  await move('c1', 'doing')
  let relay = await startRelay()
  await follower.until(2, 15_000)

  proxy.blackhole('toClient')
  await move('c1', 'done')
  await follower.until(3, 15_000)
  // Published, and not taken out of the table yet.
  await relay.kill()
  proxy.dropAll()
  await proxy.heal()
  await move('c3', 'todo')
  relay = await startRelay()
  await follower.until(4, 15_000)
  t.strictSame(payloads(follower), [['c1', 'todo'], ['c1', 'doing'], ['c1', 'done'], ['c3', 'todo']].map(([card, column]) => ({ card, column })))
  t.strictSame(follower.updates.map(({ id }) => id), ['outbox-1', 'outbox-2', 'outbox-3', 'outbox-4'])
  t.ok(relay.isRunning())
})

test('the webhook is verified with the standardwebhooks package, and nothing else is taken for it', async t => {
  const port = await freePort()
  const secret = `whsec_${Buffer.from('a secret for tests only, of 40 characters').toString('base64')}`
  const receiver = await startChild(t, process.execPath, [example('webhook.js'), String(port)], { ...env, WEBHOOK_SECRET: secret })
  await eventually(() => receiver.output().includes('listening'))
  const instance = await startInstance(t, { WEBHOOK_URL: `http://127.0.0.1:${port}/`, WEBHOOK_SECRET: secret, WEBHOOK_BATCH_MS: '50' })
  await instance.ready()
  const ann = await connect(t, instance.url, { token: token() })
  await subscribe(ann, 'acme', 'board-1')
  await eventually(() => receiver.output().includes('room.occupied acme/board-1'))

  const forged = { events: [{ id: '1', event: 'room.vacated', workspaceId: 'acme', appId: 'board-1', at: Date.now() }] }
  const signatures: Array<Record<string, string>> = [{}, { 'webhook-id': '1', 'webhook-timestamp': String(Math.floor(Date.now() / 1000)), 'webhook-signature': 'v1,AAAA' }]
  for (const headers of signatures) {
    t.equal((await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body: JSON.stringify(forged) })).status, 401)
  }
  t.notMatch(receiver.output(), 'vacated')
})

test('the code on the page runs as it stands', async t => {
  const code = /<!-- snippet: publisher -->\n```js\n([\s\S]*?)```/.exec(await readFile(pathOf('docs/publishing.md'), 'utf8'))?.[1] ?? ''
  // Beside the package, as in an app that has it.
  const file = pathOf(`.tap/publisher-${process.pid}.mjs`)
  await writeFile(file, code)
  const instance = await startInstance(t)
  await instance.ready()
  const socket = await connect(t, instance.url, { token: token() })
  await subscribe(socket, 'acme', 'board-1')
  const heard: Update[] = []
  socket.on(roomEvent('acme', 'board-1'), (update: Update) => heard.push(update))
  const child = await startChild(t, process.execPath, [file], { PATH: process.env.PATH, ROOMCAST_URL: instance.url, ROOMCAST_TOKEN: token({ sub: 'svc' }) })
  t.equal(await ended(child, 0, t), 'at 1\nat 2\nat 1\n')
  await eventually(() => heard.length === 2)
  t.match(heard, [{ event: 'CARD_MOVED', offset: 1 }, { event: 'NEWS', offset: 2 }])
})
