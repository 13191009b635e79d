// Publishing through nginx when an answer is lost: nginx asks another instance, and the update is published once.
import { test } from 'tap'
import { errorCodes } from '../services/wire/errors.ts'
import type { Update } from '../services/wire/protocol.ts'
import { call, connect, follow, publish, startNginx, startProxy, startThree, token, type Proxy } from './helpers/index.ts'

test('a publish whose answer is lost goes to another instance, and is one update', async t => {
  const { instances } = await startThree(t)
  const [a, b, c] = await Promise.all(instances.map(({ port }) => startProxy(t, port))) as [Proxy, Proxy, Proxy]
  const nginx = await startNginx(t, [a.port, b.port, c.port])
  const follower = await follow(await connect(t, instances[2].url, { token: token() }), 'acme', 'board-1')
  a.blackhole('toClient')
  b.blackhole('toClient')

  const bearer = token({ sub: 'svc-test' })
  const update = (payload: unknown, more = {}) => ({ workspaceId: 'acme', appId: 'board-1', event: 'N', payload, ...more })
  // Round robin: of three at once each instance gets one.
  const replies = await Promise.all([
    publish(nginx.internalUrl, update('plain')),
    publish(nginx.internalUrl, update('with an id', { id: 'mine' })),
    call(nginx.internalUrl, 'POST', '/api/v1/publish', { token: bearer, body: update('with a key'), headers: { 'Idempotency-Key': 'my-key' } })
  ])
  t.strictSame(replies.map(({ status }) => status), [200, 200, 200])
  t.ok(replies.some(({ body }) => (body.data as { duplicate: boolean }).duplicate), 'the second instance knew it')
  const ids = replies.map(({ body }) => (body.data as { id: string }).id)
  t.strictSame(ids.slice(1), ['mine', 'my-key'], 'an id of the caller is kept')
  t.match(ids[0], /^[0-9a-f]{32}$/)
  const updates = await follower.until(3)
  t.strictSame(updates.map(({ payload }) => payload).sort(), ['plain', 'with a key', 'with an id'])
  t.strictSame(updates.map(({ id }: Update) => id).sort(), [...ids].sort())

  await t.test('a key and an id of the caller that differ are still an error', async t => {
    await Promise.all([a.heal(), b.heal()])
    const { status, body } = await call(nginx.internalUrl, 'POST', '/api/v1/publish', {
      token: bearer, body: update('x', { id: 'one' }), headers: { 'Idempotency-Key': 'other' }
    })
    t.equal(status, 400)
    t.equal(body.error?.code, 'request/invalid')
  })

  await t.test('a batch has no key, and is not sent again', async t => {
    for (const proxy of [a, b, c]) proxy.blackhole('toClient')
    const { status } = await call(nginx.internalUrl, 'POST', '/api/v1/publish/batch', { token: bearer, body: { updates: [update('batch')] } })
    t.equal(status, 504)
    await follower.until(({ payload }) => payload === 'batch')
    t.equal(follower.updates.filter(({ payload }) => payload === 'batch').length, 1)
  })

  await t.test('a publish that no instance answers is told in the words of the service', async t => {
    const { status, body, headers } = await call(nginx.internalUrl, 'POST', '/api/v1/publish', { token: bearer, body: update('lost') })
    t.equal(status, 503)
    t.equal(headers.get('retry-after'), '1')
    t.strictSame(body, {
      status: 'ERROR',
      data: null,
      error: { code: 'broker/timeout', name: 'TimeoutError', message: errorCodes['broker/timeout'].message, retryable: true }
    })
    await follower.until(({ payload }) => payload === 'lost')
    t.equal(follower.updates.filter(({ payload }) => payload === 'lost').length, 1)
  })
})
