// The publisher against a service with a bad day: what is sent, when again, and in which order.
import { test } from 'tap'
import { eventually, within } from '../helpers/index.ts'
import { accept, answerWith, failure, publisherOf, refusal, refuseWith, startStub, success, updatesOf, type StubRequest } from '../helpers/stub.ts'

const A = 'acme/board-a'
const B = { workspaceId: 'acme', appId: 'board-b' }

test('updates of one turn are one request, in order, each with an id; a single one is a publish', async t => {
  const stub = await startStub(t, accept)
  const publisher = publisherOf(`${stub.url}/behind/a/path`, { token: '\n a.b.c\n' })
  const payload = { n: 1 }
  const receipts = [publisher.publish(A, 'N', payload), publisher.publish(B, 'N', 2, { id: 'mine', userId: 'ann' }), publisher.publish(A, 'N', 3)]
  payload.n = 100
  t.equal(publisher.waiting, 3)
  const ids = (await Promise.all(receipts)).map(({ id }) => id)
  await publisher.publish(A, 'N', null)
  t.strictSame(stub.requests.map(({ path, headers }) => [path, headers.authorization]), [
    ['/behind/a/path/api/v1/publish/batch', 'Bearer a.b.c'], ['/behind/a/path/api/v1/publish', 'Bearer a.b.c']
  ])
  const [batch] = stub.requests
  t.strictSame(batch && updatesOf(batch), [
    { workspaceId: 'acme', appId: 'board-a', event: 'N', payload: { n: 1 }, id: ids[0] },
    { workspaceId: 'acme', appId: 'board-b', event: 'N', payload: 2, id: 'mine', userId: 'ann' },
    { workspaceId: 'acme', appId: 'board-a', event: 'N', payload: 3, id: ids[2] }
  ])
  t.equal(new Set(ids).size, 3)
  t.equal(publisher.waiting, 0)
})

test('429 and 503 are tried again with the same id, not before Retry-After; so is what is not answered in time', async t => {
  const stub = await startStub(t, (request, response, n) => {
    if (n === 0) refuseWith(response, 429, 'limit/publish-rate', { 'Retry-After': '1' })
    else if (n === 1) refuseWith(response, 503, 'broker/unavailable', { 'Retry-After': new Date(Date.now() + 2000).toUTCString() })
    else if (n > 2) accept(request, response)
  })
  const publisher = publisherOf(stub.url, { answerTimeoutMs: 200 })
  await publisher.publish(A, 'N', 1)
  const [first, second, third, fourth] = stub.requests as [StubRequest, StubRequest, StubRequest, StubRequest]
  t.ok(second.at - first.at >= 999, `${second.at - first.at} ms`)
  t.ok(third.at - second.at >= 999, `${third.at - second.at} ms, of a date that has no milliseconds`)
  t.ok(fourth.at - third.at >= 200, 'after the time-out')
  t.strictSame([second.body, third.body, fourth.body], [first.body, first.body, first.body])
  t.type(first.body.id, 'string')
})

test('a room that is refused for now keeps its order and holds up no other', async t => {
  const seen: string[][] = []
  const stub = await startStub(t, (request, response, n) => {
    const updates = updatesOf(request)
    seen.push(updates.map(({ appId, payload }) => `${String(appId)} ${String(payload)}`))
    if (n !== 0) return accept(request, response)
    // As the service does it: of one room none after the first that is refused.
    answerWith(response, 200, { results: updates.map(({ id, appId, payload }) => appId === 'board-a' && payload !== 1 ? refusal('limit/publish-rate', true) : success(id)) })
  })
  const publisher = publisherOf(stub.url)
  const settled: string[] = []
  const publish = async (room: typeof A | typeof B, n: number) => {
    await publisher.publish(room, 'N', n)
    settled.push(`${typeof room === 'string' ? 'a' : 'b'}${n}`)
  }
  const first = [publish(A, 1), publish(A, 2), publish(B, 1), publish(A, 3)]
  await eventually(() => settled.length === 2)
  await Promise.all([...first, publish(B, 2), publish(A, 4)])
  t.strictSame(seen[0], ['board-a 1', 'board-a 2', 'board-b 1', 'board-a 3'])
  t.strictSame(seen.slice(1).flat().filter(text => text.includes('board-a')), ['board-a 2', 'board-a 3', 'board-a 4'])
  t.strictSame(settled.filter(text => text.startsWith('a')), ['a1', 'a2', 'a3', 'a4'])
  t.strictSame(seen[1], ['board-b 2'], 'it did not wait')
})

test('the queue is limited in number and bytes: more is refused at once, and never dropped', async t => {
  let mayAnswer = false
  const stub = await startStub(t, (request, response) => { mayAnswer ? accept(request, response) : refuseWith(response, 503, 'broker/unavailable') })
  const publisher = publisherOf(stub.url, { maxWaiting: 3, maxWaitingBytes: 1000 })
  const taken = [publisher.publish(A, 'N', 1), publisher.publish(B, 'N', 2)]
  t.match(await failure(publisher.publishMany([A, B], 'N', 3)), { code: 'client/queue-full', retryable: true, id: String })
  t.match(await failure(publisher.publish(A, 'N', 'x'.repeat(1000))), { code: 'client/queue-full' })
  taken.push(publisher.publish(A, 'N', 4))
  t.match(await failure(publisher.publish(A, 'N', 5)), { code: 'client/queue-full' })
  mayAnswer = true
  t.equal((await Promise.all(taken)).length, 3)
  await publisher.publish(A, 'N', 6)
})

test('one payload goes to many rooms in one request, with a result a room; who is refused for now is tried again alone', async t => {
  const stub = await startStub(t, (request, response, n) => {
    if (n > 0) return accept(request, response)
    answerWith(response, 200, { results: [success('x'), refusal('auth/forbidden', false), refusal('broker/timeout', true)] })
  })
  const publisher = publisherOf(stub.url)
  const results = await publisher.publishMany([A, 'acme/secret', B, A], 'NEWS', { text: 'hello' }, { id: 'news-1' })
  t.match(results, [
    { status: 'SUCCESS', data: { offset: 1 }, error: null },
    { status: 'ERROR', data: null, error: { code: 'auth/forbidden', id: 'news-1' } },
    { status: 'SUCCESS' },
    { status: 'SUCCESS' }
  ])
  t.strictSame(stub.requests.map(({ path, body }) => [path, body]), [
    ['/api/v1/publish/many', { rooms: [{ workspaceId: 'acme', appId: 'board-a' }, { workspaceId: 'acme', appId: 'secret' }, B], event: 'NEWS', payload: { text: 'hello' }, id: 'news-1' }],
    ['/api/v1/publish/many', { rooms: [B], event: 'NEWS', payload: { text: 'hello' }, id: 'news-1' }]
  ])
  t.strictSame(await publisher.publishMany([], 'NEWS', 1), [])
})

test('before and after an update for many rooms each room keeps its order', async t => {
  const seen: string[] = []
  const stub = await startStub(t, (request, response) => {
    for (const { appId, payload } of updatesOf(request)) seen.push(`${String(appId)} ${String(payload)}`)
    accept(request, response)
  })
  const publisher = publisherOf(stub.url)
  await Promise.all([
    publisher.publish(A, 'N', 1), publisher.publishMany([A, B], 'N', 2), publisher.publish(B, 'N', 3), publisher.publish(A, 'N', 3), publisher.publishMany([B, A], 'N', 4), publisher.publish('acme/board-c', 'N', 1)
  ])
  t.strictSame(seen.filter(text => text.includes('board-a')), [1, 2, 3, 4].map(n => `board-a ${n}`))
  t.strictSame(seen.filter(text => text.includes('board-b')), [2, 3, 4].map(n => `board-b ${n}`))
})

test('a request that is too much for the service is made smaller; what is too much alone fails alone', async t => {
  const sizes: number[] = []
  const stub = await startStub(t, (request, response) => {
    const updates = updatesOf(request)
    sizes.push(updates.length)
    if (updates.some(({ payload }) => payload === 'huge')) return response.writeHead(413, { 'Content-Type': 'text/html' }).end('<html>nginx</html>')
    if (updates.length > 3) return refuseWith(response, 400, 'request/invalid')
    accept(request, response)
  })
  const publisher = publisherOf(stub.url, { maxBatch: 10 })
  const receipts = await Promise.all(Array.from({ length: 10 }, (_, n) => publisher.publish(A, 'N', n)))
  t.equal(receipts.length, 10)
  t.strictSame(sizes, [10, 5, 3, 3, 3, 1])
  const settled = await Promise.allSettled([publisher.publish(A, 'N', 1), publisher.publish(A, 'N', 'huge'), publisher.publish(A, 'N', 2)])
  t.strictSame(settled.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled'])
  const results = await publisher.publishMany(['a/1', 'a/2', 'a/3', 'a/4'], 'N', 'huge')
  t.strictSame(results.map(({ error }) => error?.code), Array(4).fill('client/not-roomcast'))
})

test('an ephemeral update is not repeated: what does not get through goes nowhere', async t => {
  const stub = await startStub(t, (request, response) => refuseWith(response, 503, 'broker/unavailable'))
  const publisher = publisherOf(stub.url)
  t.match(await publisher.publish(A, 'progress', 0.5, { ephemeral: true }), { offset: null, instances: 0 })
  t.match(stub.requests, [{ body: { ephemeral: true } }])
})

test('flush waits for what was published, close takes no more and ends in its time', async t => {
  let answer: (() => void) | undefined
  const stub = await startStub(t, (request, response) => { answer = () => accept(request, response) })
  const publisher = publisherOf(stub.url)
  await within(1000, 'an empty flush', publisher.flush())
  const published = publisher.publish(A, 'N', 1)
  let isFlushed = false
  const flushed = publisher.flush().then(() => { isFlushed = true })
  await eventually(() => answer !== undefined)
  t.notOk(isFlushed)
  answer?.()
  await within(5000, 'the flush', flushed)
  t.match(await published, { offset: 1 })

  const late = publisher.publish(A, 'N', 2)
  const closed = publisher.close({ timeoutMs: 100 })
  t.match(await failure(publisher.publish(A, 'N', 3)), { code: 'client/closed' })
  t.match(await failure(late), { code: 'client/closed' })
  await within(5000, 'the end', closed)
  await within(1000, 'a second end', publisher.close())
  t.equal(publisher.waiting, 0)
})
