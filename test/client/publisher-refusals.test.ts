// What the publisher tells its caller: of refusals, of other servers than Roomcast, of tokens, and when the time is over.
import { test } from 'tap'
import { accept, answerWith, failure, publisherOf, refusal, refuseWith, startStub, success, updatesOf } from '../helpers/stub.ts'

const A = 'acme/board-a'
const B = { workspaceId: 'acme', appId: 'board-b' }

test('after the timeout the caller gets the reason and the id: the update may have arrived, and can be repeated', async t => {
  const stub = await startStub(t, (request, response) => refuseWith(response, 503, 'broker/timeout'))
  const publisher = publisherOf(stub.url, { publishTimeoutMs: 300 })
  const error = await failure(publisher.publish(A, 'N', 1))
  t.match(error, { name: 'ClientError', code: 'client/no-answer', retryable: true, id: stub.requests[0]?.body.id, message: /same id.*broker\/timeout/ })
  const nobody = publisherOf('http://127.0.0.1:9', { publishTimeoutMs: 300 })
  t.match(await failure(nobody.publish(A, 'N', 1)), { code: 'client/no-answer', message: /http:\/\/127\.0\.0\.1:9\/api\/v1\/publish is unreachable/ })
})

test('a finally refused update fails at once and alone', async t => {
  const stub = await startStub(t, (request, response) => answerWith(response, 200, { results: updatesOf(request).map(({ id, appId }) => appId === 'board-a' ? refusal('auth/forbidden', false) : success(id)) }))
  const publisher = publisherOf(stub.url)
  const [one, two] = [publisher.publish(A, 'N', 1, { id: 'mine' }), publisher.publish(B, 'N', 1)]
  t.match(await failure(one), { code: 'auth/forbidden', retryable: false, id: 'mine' })
  t.match(await two, { offset: 1 })
  t.equal(stub.requests.length, 1)
  t.match(await failure(publisher.publish('no-room' as typeof A, 'N', 1)), { code: 'request/invalid' })
  await t.rejects(publisher.publish(A, 'N', undefined), TypeError)
  await t.rejects(publisher.publish(A, 'N', 1n), TypeError)
  t.throws(() => publisherOf('not an address'), TypeError)
  t.throws(() => publisherOf('ftp://example.com'), TypeError)
})

test('an answer that is not of Roomcast says which address it came from: a page is final, a proxy in trouble is not', async t => {
  const html = '<html><body><h1>404 Not Found</h1><hr>nginx</body></html>'
  let status = 404
  const stub = await startStub(t, (request, response, n) => {
    if (n === 3) return accept(request, response)
    response.writeHead(status, { 'Content-Type': 'text/html', ...status === 308 && { Location: 'https://elsewhere.example/api' } }).end(html)
  })
  const publisher = publisherOf(stub.url)
  t.match(await failure(publisher.publish(A, 'N', 1)), { code: 'client/not-roomcast', retryable: false, message: new RegExp(`${stub.url}/api/v1/publish answered 404 \\(text/html\\)`) })
  status = 308
  t.match(await failure(publisher.publish(A, 'N', 1)), { code: 'client/not-roomcast', message: /answered 308.*https:\/\/elsewhere\.example\/api/ })
  status = 502
  t.match(await publisher.publish(A, 'N', 1), { offset: 1 })
  t.equal(stub.requests.length, 4)
})

test('a token is asked for once, and anew when the service does not take it any more; one that is refused fresh is final', async t => {
  let good = 'token-1'
  const stub = await startStub(t, (request, response) => {
    request.headers.authorization === `Bearer ${good}` ? accept(request, response) : refuseWith(response, 401, 'auth/invalid-token')
  })
  let asked = 0
  const publisher = publisherOf(stub.url, { token: async () => `token-${++asked}\n` })
  await publisher.publish(A, 'N', 1)
  await publisher.publish(A, 'N', 2)
  t.equal(asked, 1)
  good = 'token-2'
  await publisher.publish(A, 'N', 3)
  t.equal(asked, 2)
  good = 'none'
  t.match(await failure(publisher.publish(A, 'N', 4)), { code: 'auth/invalid-token' })
  t.equal(asked, 3)
  t.match(await failure(publisherOf(stub.url).publish(A, 'N', 5)), { code: 'auth/invalid-token' })
  t.match(await failure(publisherOf(stub.url, { token: 'two lines\nof text' }).publish(A, 'N', 6)), { code: 'client/no-token', retryable: false })
  const broken = publisherOf(stub.url, { publishTimeoutMs: 200, token: () => { throw new Error('the issuer is away') } })
  t.match(await failure(broken.publish(A, 'N', 7)), { code: 'client/no-answer', message: /the issuer is away/ })
})

test('an answer with too few results, and a token that never comes, are told; nothing hangs', async t => {
  const stub = await startStub(t, (request, response) => answerWith(response, 200, { results: [] }))
  const publisher = publisherOf(stub.url)
  for (const error of await Promise.all([failure(publisher.publish(A, 'N', 1)), failure(publisher.publish(B, 'N', 1))])) t.match(error, { code: 'client/not-roomcast' })

  let gives = false
  const good = await startStub(t, accept)
  const waiting = publisherOf(good.url, { publishTimeoutMs: 2000, answerTimeoutMs: 100, token: async () => await (gives ? 'token' : new Promise<string>(() => undefined)) })
  t.match(await failure(waiting.publish(A, 'N', 1)), { code: 'client/no-answer', message: /The token function returned none within 100 ms/ })
  gives = true
  t.match(await waiting.publish(A, 'N', 2), { offset: 1 })
})
