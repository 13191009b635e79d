// Properties: nothing that can be generated as an event, a frame, a body or a message harms the service.
import fc from 'fast-check'
import t, { test } from 'tap'
import { call, rawSession, token } from '../helpers/index.ts'
import { EVENTS, settled, startUnharmed } from './unharmed.ts'

const { redis, service, neighbour, assertUnharmed } = await startUnharmed(t)

test('property: no event with any JSON harms the service', async t => {
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(...EVENTS), fc.array(fc.oneof(fc.jsonValue(), shapes()), { maxLength: 3 }), fc.boolean()), { minLength: 1, maxLength: 20 }), async events => {
    const raw = await rawSession(t, service.url, token())
    for (const [event, args, wantsAnswer] of events) raw.send(`42${wantsAnswer ? 1 : ''}${JSON.stringify([event, ...args])}`)
    const end = await settled(raw)
    raw.socket.terminate()
    return end === 'answered'
  }), { numRuns: 60 })
})

test('property: no frame of any text harms the service', async t => {
  const start = fc.constantFrom('', '4', '40', '41', '42', '43', '44', '45', '46', '421', '42[', '42/a,', '0', '1', '2', '3', '5', '6', 'b')
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(start, fc.string({ unit: 'binary' })), { minLength: 1, maxLength: 5 }), async frames => {
    const raw = await rawSession(t, service.url, token())
    for (const [head, rest] of frames) raw.send(head + rest)
    await settled(raw)
    raw.socket.terminate()
    return service.process.exitCode === null
    // Once found: the session ends, and what comes with it in one packet finds none.
  }), { numRuns: 60, examples: [[[['41', ''], ['5', '']]]] })
})

test('property: every body of any JSON gets a typed answer over HTTP', async t => {
  const route = fc.constantFrom('POST publish', 'POST publish/batch', 'POST publish/many', 'PUT apps/', 'POST sessions/disconnect', 'POST sessions/unsubscribe', 'POST tokens/revoke')
  await fc.assert(fc.asyncProperty(route, fc.oneof(fc.jsonValue(), shapes()), async (route, body) => {
    const [method = '', path = ''] = route.split(' ')
    const { status, body: answer } = await call(service.url, method, `/api/v1/${path}`, { token: token({ capabilities: {} }), body: JSON.stringify(body) })
    // A batch answers for each of its updates.
    return (['publish/batch', 'publish/many'].includes(path) && status === 200) || ([400, 403].includes(status) && answer.status === 'ERROR' && /^(request|auth)\//.test(String(answer.error?.code)))
  }), { numRuns: 150 })
})

test('property: garbage on the channel of a room is dropped and counted, and disturbs nobody', async t => {
  const client = redis.client()
  const channels = ['roomcast:{acme/neighbours}:updates', 'roomcast:{$/commands}:updates']
  const { epoch } = neighbour.position()
  const envelope = fc.record({
    v: fc.oneof(fc.constant(1), fc.constant(2), fc.jsonValue()),
    kind: fc.oneof(fc.constantFrom('update', 'ephemeral', 'presence'), fc.jsonValue()),
    epoch: fc.oneof(fc.constant(epoch), fc.jsonValue()),
    offset: fc.oneof(fc.constantFrom(0, -1, 0.5, 1e300), fc.jsonValue()),
    publishedAt: fc.jsonValue(),
    id: fc.jsonValue(),
    event: fc.jsonValue(),
    payload: fc.jsonValue(),
    userId: fc.jsonValue(),
    joined: fc.jsonValue(),
    left: fc.jsonValue()
  }, { requiredKeys: [] })
  await fc.assert(fc.asyncProperty(fc.constantFrom(...channels), fc.oneof(fc.string(), fc.json(), envelope.map(value => JSON.stringify(value))), async (channel, text) => {
    await client.publish(channel, text)
    return service.process.exitCode === null
  }), { numRuns: 300 })
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
  const next = neighbour.position().offset + 1
  await client.publish(channels[0] ?? '', `{"v":1,"kind":"update","epoch":"${epoch}","offset":${next},"publishedAt":1,"id":"x","event":"N","payload":${deep},"userId":"x"}`)
  await assertUnharmed()
  const metrics = await (await fetch(`${service.url}/metrics`)).text()
  t.match(metrics, /roomcast_messages_dropped_total\{reason="garbage"\} [1-9]/)
  t.strictSame(neighbour.faults, [])
})

/** Nearly right requests: what random JSON hardly ever hits. */
function shapes (): fc.Arbitrary<unknown> {
  const id = fc.oneof(fc.constantFrom('acme', 'x', '*', '__proto__', '', 'a/b'), fc.jsonValue())
  const room = { workspaceId: id, appId: id }
  const payload = fc.record({ ...room, token: fc.jsonValue(), since: fc.oneof(fc.record({ epoch: fc.string(), offset: fc.nat() }), fc.jsonValue()) }, { requiredKeys: [] })
  return fc.oneof(
    fc.record({ event: fc.oneof(fc.constantFrom('SUBSCRIBE', 'UNSUBSCRIBE'), fc.jsonValue()), payload: fc.oneof(payload, fc.jsonValue()) }, { requiredKeys: [] }),
    fc.record({ ...room, event: fc.string(), payload: fc.jsonValue(), id: fc.jsonValue(), ephemeral: fc.jsonValue(), userId: fc.jsonValue() }, { requiredKeys: [] }),
    fc.record({ ...room, userId: fc.jsonValue(), jti: fc.jsonValue(), issuedBefore: fc.jsonValue(), displayName: fc.jsonValue(), updates: fc.array(fc.jsonValue()) }, { requiredKeys: [] }),
    fc.record({ token: fc.jsonValue() })
  )
}
