// The edges of deploy/nginx.conf: TLS, what is too large, what the log says of an instance that fails, and timeouts that fit the settings.
import { readFile } from 'node:fs/promises'
import { test } from 'tap'
import { readSettings } from '../services/settings/read.ts'
import { errorCodes } from '../services/wire/errors.ts'
import {
  call, connect, eventually, follow, noEvent, pathOf, publish, roomEvent, startInstance, startNginx, startProxy, subscribe, token
} from './helpers/index.ts'

test('with deploy/nginx-tls.conf browsers connect over TLS, and services over the other port as before', async t => {
  const instance = await startInstance(t, { INSTANCE_NAME: 'a' })
  await instance.ready()
  const nginx = await startNginx(t, [instance.port, instance.port, instance.port], { tls: true })
  for (const transports of [['websocket'], ['polling', 'websocket']]) {
    const socket = await connect(t, nginx.url, { token: token(), transports, rejectUnauthorized: false })
    const outsider = await connect(t, nginx.url, { token: token({ sub: 'leo' }), transports, rejectUnauthorized: false })
    await subscribe(outsider, 'acme', 'elsewhere')
    const follower = await follow(socket, 'acme', 'board-1')
    await noEvent(outsider, roomEvent('acme', 'board-1'), async () => {
      t.equal((await publish(nginx.internalUrl, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 1 })).status, 200)
      await follower.until(({ event }) => event === 'N')
      await subscribe(outsider, 'acme', 'barrier')
    })
  }
  await t.rejects(fetch(nginx.url.replace('https', 'http')).then(async answer => { if (!answer.ok) throw new Error(String(answer.status)) }), 'plain HTTP gets nothing')
})

test('what is too large is refused with a code, by an instance or by nginx', async t => {
  const instance = await startInstance(t, { INSTANCE_NAME: 'a' })
  await instance.ready()
  const nginx = await startNginx(t, [instance.port, instance.port, instance.port])
  for (const bytes of [70_000, 1_500_000, 3_000_000]) {
    const { status, body } = await publish(nginx.internalUrl, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 'x'.repeat(bytes) })
    t.equal(status, 413, `${bytes} bytes`)
    t.match(body.error, { code: 'publish/payload-too-large', retryable: false })
  }
  t.equal((await publish(nginx.internalUrl, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 'x'.repeat(60_000) })).status, 200)
  const { body } = await call(nginx.url, 'PUT', '/api/v1/apps/', { token: token(), body: { displayName: 'x'.repeat(3_000_000) } })
  t.equal(body.error?.message, errorCodes['publish/payload-too-large'].message)
})

test('a page of an allowed origin can read what nginx answers itself; another cannot', async t => {
  const origin = 'https://app.example.com'
  const instance = await startInstance(t, { INSTANCE_NAME: 'a', CORS_ORIGINS: origin })
  await instance.ready()
  const nginx = await startNginx(t, [instance.port, instance.port, instance.port])
  const ask = async (method: string, path: string, from: string, body?: unknown) => {
    const { status, headers } = await call(nginx.url, method, path, { token: token(), headers: { origin: from }, body })
    return [status, headers.get('access-control-allow-origin')]
  }
  const large = { displayName: 'x'.repeat(3_000_000) }
  const all = async (from: string) => [
    await ask('GET', '/api/v1/health/', from),
    await ask('PUT', '/api/v1/apps/', from, large),
    await ask('GET', '/metrics', from)
  ]
  t.strictSame(await all(origin), [[200, origin], [413, origin], [404, origin]], 'one header, by the instance or by nginx')
  for (const other of ['https://evil.example', 'https://app.example.com.evil.example', 'https://appxexample.com']) {
    const [[, byInstance] = [], ...byNginx] = await all(other)
    t.not(byInstance, other)
    t.strictSame(byNginx, [[413, null], [404, null]], other)
  }

  await instance.kill()
  t.strictSame(await ask('GET', '/api/v1/health/', origin), [502, origin])
  t.strictSame(await ask('PUT', '/api/v1/apps/', origin, { workspaceId: 'acme', appId: 'board-1', displayName: 'Plans' }), [503, origin])
  t.strictSame(await ask('GET', '/api/v1/health/', 'https://evil.example'), [502, null])
})

test('the log says why an instance did not answer', async t => {
  const instance = await startInstance(t, { INSTANCE_NAME: 'a' })
  await instance.ready()
  const proxy = await startProxy(t, instance.port)
  const nginx = await startNginx(t, [proxy.port, proxy.port, proxy.port])
  const reason = async (of: string) => await eventually(async () => {
    const lines = (await nginx.accessLog()).trim().split('\n').map(line => JSON.parse(line) as { path: string, upstream_error: string })
    return lines.find(({ path }) => path === `/api/v1/health/${of}`)
  }, 10_000).then(({ upstream_error: error }) => error)

  await call(nginx.internalUrl, 'GET', '/api/v1/health/fine')
  t.equal(await reason('fine'), '', 'nothing of one that answers')
  proxy.blackhole('toClient')
  await call(nginx.internalUrl, 'GET', '/api/v1/health/hangs')
  t.equal(await reason('hangs'), 'no answer in time')
  await proxy.cut()
  await call(nginx.internalUrl, 'GET', '/api/v1/health/gone')
  t.equal(await reason('gone'), 'connection refused')
})

test('the time-outs and sizes of nginx.conf fit the settings, and its answers the error table', async t => {
  const text = await readFile(pathOf('deploy/nginx.conf'), 'utf8')
  const settings = readSettings({})
  const [, sockets = ''] = text.split('location /socket.io/')
  const heartbeatMs = settings.PING_INTERVAL_MS + settings.PING_TIMEOUT_MS
  for (const name of ['proxy_read_timeout', 'proxy_send_timeout']) {
    const [, seconds] = new RegExp(`${name} (\\d+)s;`).exec(sockets) ?? []
    t.ok(Number(seconds) * 1000 > heartbeatMs, `${name} ${seconds} s`)
  }
  const [, apiSeconds] = /proxy_read_timeout (\d+)s;/.exec(text) ?? []
  t.ok(Number(apiSeconds) * 1000 > settings.PUBLISH_TIMEOUT_MS, 'an instance answers a publish before nginx gives up')
  t.match(text, settings.SOCKET_PATH)
  t.match(text, `"message":"${errorCodes['broker/timeout'].message}"`)
  t.match(text, '1.30.2')
})
