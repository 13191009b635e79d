// `roomcast publish`, `tail`, `disconnect`, `revoke`: a running service from the command line, and what is said where there is none.
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { test } from 'tap'
import type { Socket } from 'socket.io-client'
import type { Receipt, Update } from '../../services/wire/protocol.ts'
import type { Child } from '../helpers/child.ts'
import {
  connect, eventually, freePort, HOST, nextEvent, publish, roomcast, roomEvent, startInstance, startProxy, startRoomcast, subscribe, token
} from '../helpers/index.ts'

const instance = await startInstance(t)
await instance.ready()
const env = { ROOMCAST_URL: instance.url, ROOMCAST_TOKEN: token({ sub: 'svc' }) }

const send = async (n: number, appId = 'board-1') => (await publish(instance.url, { workspaceId: 'acme', appId, event: 'N', payload: n })).body.data

/** The updates that it has printed: what comes on the standard output is one JSON a line. */
const printed = (tail: Child) => tail.output().split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Update)

test('publish: the members of the room get it, others nothing; its receipt is printed', async t => {
  const socket = await connect(t, instance.url, { token: token() })
  await subscribe(socket, 'acme', 'cli-1')
  await subscribe(socket, 'acme', 'cli-2')
  const elsewhere: Update[] = []
  socket.on(roomEvent('acme', 'cli-2'), (update: Update) => elsewhere.push(update))
  const heard = nextEvent<Update>(socket, roomEvent('acme', 'cli-1'))
  const { code, stdout } = await roomcast(['publish', 'acme/cli-1', 'CARD_MOVED', '{ "card": 7 }', '--id', 'mine'], env)
  t.equal(code, 0)
  t.match(JSON.parse(stdout), { id: 'mine', offset: 1, duplicate: false })
  t.match(await heard, { event: 'CARD_MOVED', payload: { card: 7 }, userId: 'svc', id: 'mine' })
  t.match(JSON.parse((await roomcast(['publish', 'acme/cli-1', 'CARD_MOVED', '{}', '--id', 'mine'], env)).stdout), { offset: 1, duplicate: true })

  const ephemeral = nextEvent<Update>(socket, roomEvent('acme', 'cli-1'))
  const flags = ['--url', instance.url, '--token', `${token({ sub: 'flags' })}\n`, '--ephemeral']
  t.match(JSON.parse((await roomcast(['publish', 'acme/cli-1', 'CURSOR', '-', ...flags], {}, { input: '"done"\n' })).stdout), { offset: null })
  t.match(await ephemeral, { event: 'CURSOR', payload: 'done', userId: 'flags' })
  t.strictSame(elsewhere, [])
})

test('each error is one line that says what to do, and the exit code is 1', async t => {
  const answering = async (listener: RequestListener) => {
    const server = createServer(listener).listen(0, HOST)
    await once(server, 'listening')
    t.teardown(() => { server.close() })
    return `http://${HOST}:${(server.address() as AddressInfo).port}`
  }
  const html = await answering((_request, response) => { response.writeHead(404, { 'Content-Type': 'text/html' }).end('<h1>404</h1>') })
  const moved = await answering((_request, response) => { response.writeHead(301, { Location: 'https://elsewhere.example.com/' }).end() })
  const nobody = `http://${HOST}:${await freePort()}`
  const good = ['publish', 'acme/b', 'E', '1']
  const cases: Array<[args: string[], said: RegExp, env?: Record<string, string>]> = [
    [['publish', 'acme/b', 'E'], /JSON is missing: it should be ROOM EVENT JSON/],
    [['publish', 'acme/b', 'E', 'done', 'now'], /"now" is one argument too many/],
    [['publish', 'acme', 'E', '1'], /"acme" is not a room: it should be WORKSPACE\/APP/],
    [['publish', 'acme/b/c', 'E', '1'], /is not a room/],
    [['publish', 'acme/b', 'E', '{ card: 7 }'], /is not JSON: it should be like/],
    [['publish', 'acme/b', 'no event', '1'], /request\/invalid: body\.?event|request\/invalid: event/],
    [['tail', 'acme/b', '--since', '7'], /--since 7 should be EPOCH:OFFSET/],
    [['revoke'], /either a token to revoke, or --user USER/],
    [['revoke', '--user', 'ann', '--before', 'noon'], /--before noon should be a time, for example/],
    [good, /there is no token: pass one with --token or ROOMCAST_TOKEN/, { ROOMCAST_TOKEN: '' }],
    [good, /"127.0.0.1:3000" is not an address/, { ROOMCAST_URL: '127.0.0.1:3000' }],
    [good, /auth\/forbidden: The token does not allow publish on acme\/b/, { ROOMCAST_TOKEN: token({ capabilities: {} }) }],
    [['tail', 'acme/b'], /auth\/forbidden: The token does not allow subscribe on acme\/b/, { ROOMCAST_TOKEN: token({ capabilities: {} }) }],
    [['tail', 'acme/b'], /auth\/invalid-token/, { ROOMCAST_TOKEN: 'a.b.c' }],
    [['disconnect', 'ann'], /auth\/forbidden: .* manage on \*\/\*/, { ROOMCAST_TOKEN: token({ capabilities: {} }) }]
  ]
  for (const args of [good, ['tail', 'acme/b']]) {
    cases.push(
      [args, new RegExp(`nothing answers at ${nobody} \\(ECONNREFUSED\\): start the service there, or set its address with --url`), { ROOMCAST_URL: nobody }],
      [args, new RegExp(`${html}/api/v1/\\S+ answered 404 with HTML, so it is not Roomcast`), { ROOMCAST_URL: html }],
      [args, /redirects to https:\/\/elsewhere\.example\.com\/: set that address/, { ROOMCAST_URL: moved }]
    )
  }
  for (const [args, said, own] of cases) {
    const { code, stdout, stderr } = await roomcast(args, { ...env, ...own })
    const errors = stderr.split('\n').filter(line => line !== '' && !line.startsWith('#'))
    t.strictSame([code, stdout, errors.length], [1, '', 1], `${args.join(' ')}: ${stderr}`)
    t.match(errors[0], said)
  }
  t.match((await roomcast(good, { ...env, ROOMCAST_URL: nobody })).stderr, /repeat it with --id \S{36}, so that it is published only once/)
})

test('tail: what comes from now on, of that room alone; Ctrl-C says where to go on, and from there nothing is missing', async t => {
  const tail = await startRoomcast(t, ['tail', 'acme/board-1'], env)
  await eventually(() => /^# joined at \S+:0$/m.test(tail.output()), 20_000)
  await send(1)
  await send(2, 'board-2')
  await send(3)
  await eventually(() => printed(tail).length === 2)
  t.strictSame(printed(tail).map(({ payload, offset }) => [payload, offset]), [[1, 1], [3, 2]])
  t.match(await tail.kill('SIGINT'), { code: 0 })
  const [, since = ''] = /^# ends: --since (\S+:2) goes on from here$/m.exec(tail.output()) ?? []

  await send(4)
  await send(5)
  const again = await startRoomcast(t, ['tail', 'acme/board-1', '--since', since], env)
  await eventually(() => printed(again).length === 2, 20_000)
  t.match(again.output(), /^# joined at \S+:4, recovered 2 updates$/m)
  t.strictSame(printed(again).map(({ payload }) => payload), [4, 5])
})

test('tail: it connects again by itself, and tells what it could not recover', async t => {
  const { epoch } = await send(1, 'board-3') as Receipt
  const proxy = await startProxy(t, instance.port)
  const tail = await startRoomcast(t, ['tail', 'acme/board-3', '--since', `${epoch}:0`, '--url', proxy.url('http')], env)
  await eventually(() => printed(tail).length === 1, 20_000)
  proxy.dropAll()
  await eventually(() => /connection lost, connecting again\n# joined at \S+:1, recovered 0 updates/.test(tail.output()))
  await send(2, 'board-3')
  await eventually(() => printed(tail).length === 2)

  const other = await startRoomcast(t, ['tail', 'acme/board-3', '--since', 'another:1'], env)
  await eventually(() => /^# told: not everything could be recovered; updates follow from \S+:2 on$/m.test(other.output()), 20_000)
  await send(3, 'board-3')
  await eventually(() => printed(tail).length === 3 && printed(other).length === 1)
  t.strictSame([printed(tail), printed(other)].map(updates => updates.map(({ payload }) => payload)), [[1, 2, 3], [3]])
})

test('tail waits for a service that is unavailable for a while', async t => {
  const first = await startInstance(t)
  await first.ready()
  const tail = await startRoomcast(t, ['tail', 'acme/board-5', '--url', first.url], env)
  await eventually(() => tail.output().includes('# joined'), 20_000)
  await first.kill()
  await eventually(() => tail.output().includes('# connection lost, connecting again'))
  const second = await startInstance(t, { PORT: String(first.port) })
  await second.ready()
  await eventually(() => tail.output().includes('# told: not everything could be recovered'), 20_000)
  await publish(second.url, { workspaceId: 'acme', appId: 'board-5', event: 'N', payload: 1 })
  await eventually(() => printed(tail).length === 1)
  t.match(await tail.kill('SIGINT'), { code: 0 })
})

test('tail: an access that ends, ends it, with the reason', async t => {
  const tail = await startRoomcast(t, ['tail', 'acme/board-4'], { ...env, ROOMCAST_TOKEN: token({ sub: 'mia' }) })
  await eventually(() => tail.output().includes('# joined'), 20_000)
  t.match(await roomcast(['disconnect', 'mia'], env), { code: 0, stdout: /^\{"sockets":1,"complete":true\}\n$/ })
  t.match(await tail.exited, { code: 1 })
  t.match(tail.output(), /^roomcast tail: auth\/disconnected: /m)
})

test('revoke: a token by itself or its id, or all of a user until now; others stay connected', async t => {
  const tokens = ['a', 'b', 'c'].map(jti => token({ sub: 'leo', jti }))
  const [a, b, c] = await Promise.all(tokens.map(one => connect(t, instance.url, { token: one }))) as [Socket, Socket, Socket]
  const bystander = await connect(t, instance.url, { token: token({ sub: 'zoe' }) })
  // Each command takes a process.
  const gone = (socket: Socket) => nextEvent(socket, 'disconnect', () => true, 20_000)

  const [aGone, bGone, cGone] = [a, b, c].map(gone)
  t.match(await roomcast(['revoke', tokens[0] ?? ''], env), { code: 0, stdout: /"sockets":1/ })
  await aGone
  t.match(await roomcast(['revoke', 'b'], env), { code: 0, stdout: /"sockets":1/ })
  await bGone
  t.ok(c.connected)
  t.match(await roomcast(['revoke', '--user', 'leo', '--before', '2020-01-01T00:00:00Z'], env), { code: 0, stdout: /"sockets":0/ })
  t.match(await roomcast(['revoke', '--user', 'leo'], env), { code: 0, stdout: /"sockets":1/ })
  await cGone
  t.ok(bystander.connected)
  t.match(await roomcast(['revoke', token({ sub: 'leo' })], env), { code: 1, stderr: /no id \(`jti`\).*--user/ })
})
