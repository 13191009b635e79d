// Callers that are refused, and those that say nothing: none ends the process, keeps its end open or misses its answer.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test, type Test } from 'tap'
import { call, connect, eventually, follow, HOST, publish, startClock, startInstance, token, upTo, type Instance } from '../helpers/index.ts'
import { limitHits, metric } from '../helpers/metric.ts'
import { openWebSocket, rawConnect, type RawSocket } from '../helpers/raw.ts'

const WEBSOCKET = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** An upgrade on the socket path. */
function offer (query: string, headers = ''): string {
  return `GET /socket.io/?EIO=4&${query} HTTP/1.1\r\nHost: ${HOST}\r\n${WEBSOCKET}${headers}\r\n`
}

/** Each kind of upgrade that does not become a session, by the status of its answer. */
const REFUSED: Record<string, [request: string, status: number]> = {
  'a foreign origin': [offer('transport=websocket', 'Origin: https://evil.example\r\n'), 403],
  'a script tag': [offer('transport=websocket&j=1'), 400],
  'an unknown session': [offer('transport=websocket&sid=nobody'), 400],
  'an unknown transport': [offer('transport=carrier-pigeon'), 400],
  'long polling over an upgrade': [offer('transport=polling'), 101],
  'a bad WebSocket key': [offer('transport=websocket').replace(/Sec-WebSocket-Key: .*\r\n/, ''), 400],
  'another path': [offer('transport=websocket').replace('/socket.io/', '/elsewhere/'), 404],
  'h2c at the socket path': [offer('transport=websocket').replace('Upgrade: websocket', 'Upgrade: h2c'), 400]
}

/** That the process lives, and its members get what is published, and only that. */
async function assertServes (t: Test, instance: Instance): Promise<void> {
  const socket = await connect(t, instance.url, { token: token() })
  const follower = await follow(socket, 'acme', 'served')
  const other = await follow(socket, 'acme', 'quiet')
  await publish(instance.url, { workspaceId: 'acme', appId: 'served', event: 'E', payload: 1 })
  await eventually(() => follower.updates.length === 1)
  t.equal(other.updates.length, 0)
  socket.disconnect()
}

test('a refused caller that resets its connection, before or after the answer, does not end the process', async t => {
  const instance = await startInstance(t, { CONNECTION_BURST: '2000' })
  await instance.ready()
  for (const [kind, [request]] of Object.entries(REFUSED)) {
    for (let i = 0; i < 30; i++) {
      const raw = await rawConnect(t, instance.port)
      raw.socket.write(request, () => { if (i % 3 > 0) raw.socket.resetAndDestroy() })
      if (i % 3 === 0) {
        await eventually(() => raw.received() !== '' || raw.isClosed())
        raw.socket.resetAndDestroy()
      }
    }
    t.equal((await call(instance.url, 'GET', '/livez')).status, 200, kind)
  }
  await assertServes(t, instance)
})

test('over the connection rate and while draining, a refused caller that resets does not end the process', async t => {
  const instance = await startInstance(t, { CONNECTION_BURST: '1', CONNECTIONS_PER_SECOND: '1', DRAIN_DELAY_SECONDS: '30', DRAIN_SECONDS: '1' })
  await instance.ready()
  const reset = async (status: string) => {
    for (let i = 0; i < 30; i++) {
      const raw = await rawConnect(t, instance.port)
      raw.send(offer('transport=websocket'))
      if (i % 2 === 0) await eventually(() => raw.received() !== '' || raw.isClosed())
      if (i > 0 && i % 2 === 0) t.match(raw.received(), status)
      raw.socket.resetAndDestroy()
    }
    t.equal((await call(instance.url, 'GET', '/livez')).status, 200)
  }
  await reset('HTTP/1.1 429')
  instance.process.kill('SIGTERM')
  await eventually(async () => (await call(instance.url, 'GET', '/readyz')).status === 503)
  await reset('HTTP/1.1 503')
})

test('a refused caller reads its answer, and is closed soon after although it keeps its end open', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  for (const [kind, [request, status]] of Object.entries(REFUSED)) {
    if (status === 404) continue // Answered over HTTP/1.1, where a connection may go on.
    const raws = await Promise.all(Array.from({ length: 20 }, () => halfOpen(t, instance.port)))
    const clock = startClock(t)
    for (const raw of raws) raw.send(request)
    await Promise.all(raws.map(raw => raw.ended))
    t.ok(clock.now() < 1000, `${kind}: closed after ${Math.round(clock.now())} ms`)
    for (const raw of raws) t.match(raw.received(), `HTTP/1.1 ${status} `, kind)
    await eventually(async () => await metric(instance.url, 'roomcast_tcp_connections') <= 2)
  }
})

test('of a body far over the limit the caller reads the 413, with fetch and with curl', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const dir = t.testdir({})
  for (const megabytes of [2, 3, 16]) {
    const body = JSON.stringify({ workspaceId: 'acme', appId: 'board-1', event: 'E', payload: 'x'.repeat(megabytes * 1_000_000) })
    for (const path of ['/api/v1/publish', '/api/v1/publish/batch', '/api/v1/publish/many', '/api/v1/apps/', '/api/v1/tokens/revoke']) {
      const answer = await call(instance.url, path.endsWith('apps/') ? 'PUT' : 'POST', path, { token: token(), body })
      t.match(answer, { status: 413, body: { error: { code: 'publish/payload-too-large' } } }, `${path}, ${megabytes} MB`)
    }
    const file = join(dir, `${megabytes}.json`)
    await writeFile(file, body)
    for (const expect of ['Expect:', 'Expect: 100-continue']) {
      const { stdout } = await promisify(execFile)('curl', [
        '-sS', '-X', 'POST', '-H', `Authorization: Bearer ${token()}`, '-H', 'Content-Type: application/json', '-H', expect,
        '--data-binary', `@${file}`, `${instance.url}/api/v1/publish`
      ])
      t.match(JSON.parse(stdout), { error: { code: 'publish/payload-too-large' } }, `curl, ${expect}`)
    }
  }
  await assertServes(t, instance)
})

test('a body without an end is not read for ever', async t => {
  const instance = await startInstance(t, { MAX_DISCARDED_BYTES: '1000000', REQUEST_TIMEOUT_MS: '60000' })
  const raw = await rawConnect(t, instance.port)
  raw.send(`POST /api/v1/publish HTTP/1.1\r\nHost: ${HOST}\r\nAuthorization: Bearer ${token()}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`)
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
  let sent = 0
  while (!raw.isClosed()) {
    if (!raw.socket.write(chunk)) await new Promise<unknown>(resolve => raw.socket.once('drain', resolve).once('close', resolve))
    sent += chunk.length
  }
  t.ok(sent < 30_000_000, `closed after ${sent} bytes`)
  t.equal((await call(instance.url, 'GET', '/livez')).status, 200)
})

test('a connection opened ahead that says nothing is closed without a word; one that began to speak is told', async t => {
  const instance = await startInstance(t, { REQUEST_TIMEOUT_MS: '1000' })
  const silent = await rawConnect(t, instance.port)
  const slow = await rawConnect(t, instance.port)
  slow.send('GET /livez HTTP/1.1\r\nHost:')
  await Promise.all([silent.closed(15_000), slow.closed(15_000)])
  t.equal(silent.received(), '')
  t.match(slow.received(), 'HTTP/1.1 408 ')
  t.equal(await limitHits(instance.url, 'request-time'), 2)
})

test('TCP connections have a limit: one more is closed at once and counted, and those that stand are served', async t => {
  const instance = await startInstance(t, { MAX_CONNECTIONS: '20' })
  await instance.ready()
  const kept = await openWebSocket(t, instance.url)
  const agent = await rawConnect(t, instance.port)
  const raws: RawSocket[] = []
  for (let i = 0; i < 40; i++) raws.push(await rawConnect(t, instance.port))
  await eventually(() => raws.filter(raw => raw.isClosed()).length >= 20)
  agent.send(`GET /metrics HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  await eventually(() => /roomcast_limit_hits_total\{limit="connections"\} 2\d/.test(agent.received()))
  t.notOk(kept.isClosed())
  for (const raw of raws) raw.socket.destroy()
  await eventually(async () => (await call(instance.url, 'GET', '/livez')).status === 200)
})

test('a busy process: a thousand clients that come meanwhile wait for it, and are served; none is dropped', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const most = Number(await readFile('/proc/sys/net/core/somaxconn', 'utf8'))
  instance.pause()
  const raws = await Promise.all(upTo(Math.min(1000, most)).map(() => rawConnect(t, instance.port)))
  instance.resume()
  for (const raw of raws) raw.send(`GET /livez HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  await eventually(() => raws.every(raw => raw.received().startsWith('HTTP/1.1 200 ')), 20_000)
})

/** A caller that never closes its own end. */
async function halfOpen (t: Test, port: number): Promise<RawSocket & { ended: Promise<unknown> }> {
  const raw = await rawConnect(t, port)
  raw.socket.allowHalfOpen = true
  return { ...raw, ended: once(raw.socket, 'end') }
}
