// What leaks nothing: error bodies and logs hold no stack, address, key name, token or payload, also when things break.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import Fastify from 'fastify'
import { test, type Test } from 'tap'
import app from '../../app.ts'
import { readSettings } from '../../services/settings/read.ts'
import { call, connect, eventually, publish, rawRequest, sessionsOf, startInstance, startRedis, subscribe, TEST_SECRET, token, type Instance } from '../helpers/index.ts'

const PAYLOAD = 'payload-that-nobody-may-log'
const SECRETS = ['Bearer', PAYLOAD, TEST_SECRET, 'secret-password']
/** Stacks, files, addresses of Redis, names of keys and scripts. */
const INSIDE = [/ at .*\(.*:\d+:\d+\)/, /node_modules/, /\.ts:\d+/, /roomcast:\{/, /:meta|:log\b|:updates/, /evalsha/i, /ECONNREFUSED.*\d/]

function assertTight (t: Test, text: string, what: string, secrets: string[]): void {
  for (const secret of [...SECRETS, ...secrets]) t.notOk(text.includes(secret), `${what} holds ${secret.slice(0, 20)}`)
  for (const pattern of INSIDE) t.notMatch(text, pattern, what)
}

async function tryEverything (t: Test, { url, port }: Instance, bearer: string): Promise<string[]> {
  const room = { workspaceId: 'acme', appId: 'board-1' }
  const bodies = [
    await publish(url, { ...room, event: 'N', payload: PAYLOAD }, bearer),
    await publish(url, { ...room, event: 'N', payload: PAYLOAD, id: 'a' }, bearer),
    await publish(url, { ...room, event: 'N', payload: PAYLOAD, ephemeral: true }, bearer),
    await publish(url, { ...room, event: `not an event ${PAYLOAD}`, payload: PAYLOAD }, bearer),
    await publish(url, { ...room, event: 'N', payload: PAYLOAD.repeat(3000) }, bearer),
    await call(url, 'POST', '/api/v1/publish', { token: bearer, body: `{"payload":"${PAYLOAD}` }),
    await call(url, 'POST', '/api/v1/publish', { token: bearer, body: PAYLOAD, headers: { 'content-type': `text/${PAYLOAD}` } }),
    await call(url, 'PUT', '/api/v1/apps/', { token: bearer, body: { ...room, displayName: { [PAYLOAD]: 1 } } }),
    await call(url, 'POST', '/api/v1/publish/batch', { token: bearer, body: { updates: [{ ...room, event: 'N', payload: PAYLOAD }, PAYLOAD] } }),
    await call(url, 'GET', `/api/v1/workspaces/acme/apps/board-1/history?limit=1&epoch=${PAYLOAD}`, { token: bearer }),
    await call(url, 'GET', '/api/v1/workspaces/acme/apps/board-1/history?limit=0', { token: bearer }),
    await call(url, 'GET', `/api/v1/${PAYLOAD}?token=${bearer}`, { token: bearer }),
    await call(url, 'POST', '/api/v1/tokens/revoke', { token: bearer, body: { jti: PAYLOAD } }),
    await call(url, 'GET', '/readyz')
  ].map(({ text }) => text)
  bodies.push(await rawRequest(t, port, `POST /${PAYLOAD} HTTP/1.1\r\nAuthorization: Bearer ${bearer}\r\n${PAYLOAD}\r\n\r\n`))
  const socket = await connect(t, url, { token: bearer }).then(socket => socket, (error: Error) => {
    bodies.push(inspect({ message: error.message, data: (error as { data?: unknown }).data }))
    return undefined
  })
  if (socket !== undefined) {
    bodies.push(JSON.stringify(await socket.emitWithAck('publish', { ...room, event: 'N', payload: PAYLOAD })))
    bodies.push(JSON.stringify(await socket.emitWithAck('publish', { ...room, event: PAYLOAD + '!', payload: PAYLOAD })))
    bodies.push(JSON.stringify(await socket.emitWithAck('error', { message: PAYLOAD, stack: PAYLOAD })))
    bodies.push(JSON.stringify(await socket.emitWithAck('authenticate', { token: `${bearer}x` })))
    bodies.push(JSON.stringify(await subscribe(socket, 'acme', 'board-9')))
    socket.close()
  }
  return bodies
}

/** The parts of a token that would give it away. */
function partsOf (bearer: string): string[] {
  return bearer.split('.').slice(1)
}

test('with Redis up, down, hanging and full: nothing leaks, at LOG_LEVEL=trace', async t => {
  const redis = await startRedis(t, { args: ['--maxmemory-policy', 'noeviction'] })
  const admin = redis.client()
  await admin.acl('SETUSER', 'roomcast', 'on', '>secret-password', '~*', '&*', '+@all')
  const instance = await startInstance(t, { REDIS_URL: redis.url.replace('redis://', 'redis://roomcast:secret-password@'), LOG_LEVEL: 'trace' })
  await instance.ready(20_000)
  const bearer = token({ sub: 'leaky' })
  const bodies = await tryEverything(t, instance, bearer)

  await admin.config('SET', 'maxmemory', '1')
  const full = await publish(instance.url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: PAYLOAD }, bearer)
  t.equal(full.status, 503)
  bodies.push(...await tryEverything(t, instance, bearer))
  await admin.config('SET', 'maxmemory', '0')

  await admin.set('roomcast:{acme/broken}:meta', 'no hash')
  bodies.push((await publish(instance.url, { workspaceId: 'acme', appId: 'broken', event: 'N', payload: PAYLOAD }, bearer)).text)

  redis.pause()
  bodies.push((await publish(instance.url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: PAYLOAD }, bearer)).text)
  redis.resume()
  await redis.stop()
  await eventually(async () => (await call(instance.url, 'GET', '/readyz')).status === 503, 10_000)
  bodies.push(...await tryEverything(t, instance, bearer))

  const secrets = [...partsOf(bearer), String(redis.port)]
  for (const body of bodies) assertTight(t, body.replaceAll(String(instance.port), ''), 'an error body', secrets)
  // Whoever runs it has to know which Redis is away: in these lines, and nowhere else.
  assertTight(t, instance.output().replaceAll(`"redis":"127.0.0.1:${redis.port}"`, ''), 'the log', secrets)
})

test('a secret in any setting is told by no fault of the settings, and by no line of a process that cannot use it', async t => {
  const secret = 'hunter2-of-this-test'
  const wrong = {
    REDIS_URL: [`redis://user:1#${secret}@127.0.0.1`, `redis://user:1/${secret}@127.0.0.1`, `redis://user:${secret}%@127.0.0.1`, `redis://user:${secret}/x@127.0.0.1`, `http://user:${secret}@127.0.0.1`],
    WEBHOOK_URL: [`http://user:${secret}@127.0.0.1/`, `http://user:1#${secret}@127.0.0.1/`, `ftp://${secret}`],
    JWT_JWKS_URL: [`https://user:${secret}@127.0.0.1/keys`, `${secret}://`],
    OTEL_EXPORTER_OTLP_ENDPOINT: [`http://${secret}@127.0.0.1:4318`],
    CORS_ORIGINS: [`https://user:${secret}@app.example.com`],
    REDIS_SENTINELS: [`user:${secret}@127.0.0.1:26379`],
    JWT_SECRET: [secret],
    PORT: [secret]
  }
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const fault = t.throws(() => readSettings({ WEBHOOK_SECRET: secret, [name]: value }), { message: new RegExp(`  - ${name} should`) }, `${name} is named`)
      t.notMatch(inspect(fault, { depth: 9, showHidden: true }), secret)
    }
  }
  const all = Object.fromEntries(Object.entries(wrong).map(([name, [value = '']]) => [name, value]))
  const message = await startInstance(t, { ...all, PORT: '1234567', WEBHOOK_SECRET: secret }).then(() => 'started', (error: Error) => error.message)
  for (const name of Object.keys(wrong)) t.match(message, new RegExp(`ended with 1[^]*  - ${name} should`))
  t.notMatch(message, new RegExp(`${secret}| at .*:\\d+`), 'names, and nothing else')

  const redis = await startRedis(t, { password: 'another' })
  const running = await startInstance(t, {
    LOG_LEVEL: 'trace', REDIS_URL: `redis://user:${secret}@127.0.0.1:${redis.port}`, JWT_SECRET: `${secret}${secret}`, WEBHOOK_URL: `http://127.0.0.1:1/${secret}`, WEBHOOK_SECRET: secret
  })
  await eventually(() => running.output().includes('WRONGPASS'))
  const told = [running.output(), ...await Promise.all(['/readyz', '/metrics', '/api/v1/health/'].map(async path => (await call(running.url, 'GET', path)).text))]
  for (const text of told) t.notMatch(text, secret)
})

test('the raw token is not kept on the socket after authentication, whichever way it came', async t => {
  const server = Fastify()
  await server.register(app, { env: { NODE_ENV: 'test', JWT_SECRET: TEST_SECRET } })
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  await eventually(() => server.roomcast.commands.isCaughtUp())
  t.teardown(() => server.close())
  await eventually(async () => (await call(url, 'GET', '/readyz')).status === 200)
  const bearer = token()
  await connect(t, url, { token: bearer })
  await connect(t, url, { token: bearer, transports: ['websocket'] })
  await connect(t, url, { extraHeaders: { authorization: `Bearer ${bearer}` } })
  const sockets = sessionsOf(server).map(session => session.socket)
  t.equal(sockets.length, 3)
  for (const socket of sockets) {
    // The request and the handshake may be gone, and the token with them.
    const { handshake, request, conn, data } = socket as Partial<typeof socket>
    const asked = [request, conn?.request].map(one => [one?.headers, one?.rawHeaders, one?.url])
    t.notOk(inspect({ handshake, asked, data }, { depth: 10 }).includes(partsOf(bearer)[1] ?? bearer))
  }
})

test('no raw token stays in memory, though it is known again when it comes again', async t => {
  const folder = t.testdir()
  const instance = await startInstance(t, { NODE_OPTIONS: `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${folder}` })
  const bearer = token()
  for (let use = 0; use < 2; use++) {
    const { status } = await fetch(`${instance.url}/api/v1/workspaces/acme/apps/board-1/presence`, { headers: { authorization: `Bearer ${bearer}`, connection: 'close' } })
    t.equal(status, 200)
  }
  const socket = await connect(t, instance.url, { token: bearer, transports: ['websocket'] })
  instance.process.kill('SIGUSR2')
  // Its last line is written at the end.
  const snapshot = await eventually(async () => {
    const [name] = await readdir(folder)
    const text = name === undefined ? '' : await readFile(join(folder, name), 'latin1')
    return text.trimEnd().endsWith(']}') && text
  }, 30_000)
  t.ok(snapshot.includes('auth/token-expired'), 'texts are in it')
  t.notOk(snapshot.includes(bearer.split('.')[2] ?? bearer))
  t.ok(socket.connected)
})
