// Bad input of every kind over HTTP: the right status and code, nothing published, and the process goes on.
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { test } from 'tap'
import type { FastifyInstance } from 'fastify'
import type { HistoryPage } from '../services/wire/protocol.ts'
import { ask, buildReady, nowInSeconds, rawToken, TEST_SECRET, token } from './helpers/index.ts'

const ROOM = { workspaceId: 'acme', appId: 'board-1' }
const UPDATE = { ...ROOM, event: 'MOVE', payload: 1 }
const HISTORY = '/api/v1/workspaces/acme/apps/board-1/history'
const PUBLISH = '/api/v1/publish'
const BAD_IDS = ['', 'a/b', 'a b', '*', 'x'.repeat(65), 'ä', 'a:b', 'a\n', 7, null, true, ['acme'], { id: 'acme' }]

/** Nothing of what was refused got through, and what is right still does. */
async function goesOn (server: FastifyInstance): Promise<boolean> {
  const { body } = await ask<HistoryPage>(server, 'GET', HISTORY)
  const { status } = await ask(server, 'POST', PUBLISH, { ...UPDATE, workspaceId: 'other' })
  return body.data.offset === 0 && status === 200
}

test('bodies that are not JSON, or not an object', async t => {
  const server = await buildReady(t)
  for (const body of ['', '{', 'text', '{"a":}', '\u0000', '[]', 'null', '7', '"text"', '[[[[', `${JSON.stringify(UPDATE)}}`, '{"__proto__":{"x":1},"event":"E"}', '{"constructor":{"prototype":{}}}']) {
    for (const [method, url] of [['POST', PUBLISH], ['PUT', '/api/v1/apps/'], ['POST', '/api/v1/sessions/disconnect'], ['POST', '/api/v1/publish/batch']] as const) {
      const answer = await ask(server, method, url, body)
      t.match(answer, { status: 400, body: { status: 'ERROR', data: null, error: { code: 'request/invalid', retryable: false } } }, `${method} ${url} ${body.slice(0, 20)}`)
    }
  }
  for (const type of ['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded']) {
    t.match(await ask(server, 'POST', PUBLISH, UPDATE, { 'content-type': type }), { status: 400, body: { error: { code: 'request/invalid' } } }, type)
  }
  t.ok(await goesOn(server))
})

test('prototype keys in a payload are refused, and change nothing', async t => {
  const server = await buildReady(t)
  const answer = await ask(server, 'POST', PUBLISH, '{"workspaceId":"acme","appId":"board-1","event":"E","payload":{"__proto__":{"admin":true}}}')
  t.equal(answer.status, 400)
  t.equal(({} as { admin?: boolean }).admin, undefined)
  t.ok(await goesOn(server))
})

test('ids that are none, in bodies and paths', async t => {
  const server = await buildReady(t)
  for (const id of BAD_IDS) {
    for (const field of ['workspaceId', 'appId']) {
      for (const [method, url, body] of [
        ['POST', PUBLISH, UPDATE], ['PUT', '/api/v1/apps/', { ...ROOM, displayName: 'P' }], ['POST', '/api/v1/sessions/unsubscribe', { ...ROOM, userId: 'ann' }]
      ] as const) {
        const answer = await ask(server, method, url, { ...body, [field]: id })
        t.match(answer, { status: 400, body: { error: { code: 'request/invalid', message: new RegExp(`^${field}: `) } } }, `${url} ${field} ${JSON.stringify(id)}`)
      }
    }
  }
  for (const id of ['a%20b', '*', 'x'.repeat(65), '%C3%A4', 'a%2Fb', 'a%00', '%2e%2e%2f']) {
    for (const path of [`/api/v1/workspaces/${id}/apps/b/history`, `/api/v1/workspaces/a/apps/${id}/presence`]) t.equal((await ask(server, 'GET', path)).status, 400, path)
  }
  t.match(await ask(server, 'GET', '/api/v1/workspaces/%zz/apps/b/history'), { status: 400, body: { status: 'ERROR', error: { code: 'request/invalid' } } })
  t.ok(await goesOn(server))
})

test('fields of the wrong type or form', async t => {
  const server = await buildReady(t)
  const faults: object[] = [
    { event: undefined }, { event: '' }, { event: 'a b' }, { event: 'x'.repeat(65) }, { event: 7 }, { event: ['E'] }, { payload: undefined },
    { id: '' }, { id: 'with space' }, { id: 'x'.repeat(129) }, { id: 'ä' }, { id: 7 }, { ephemeral: 'true' }, { ephemeral: 1 }, { userId: '' }, { userId: 7 }, { userId: 'x'.repeat(257) }
  ]
  for (const fault of faults) {
    t.match(await ask(server, 'POST', PUBLISH, { ...UPDATE, ...fault }), { status: 400, body: { error: { code: 'request/invalid' } } }, JSON.stringify(fault))
  }
  for (const key of ['with space', 'x'.repeat(129), '']) t.equal((await ask(server, 'POST', PUBLISH, UPDATE, { 'idempotency-key': key })).status, 400, key)
  for (const displayName of [undefined, '', 7, 'x'.repeat(1025)]) t.equal((await ask(server, 'PUT', '/api/v1/apps/', { ...ROOM, displayName })).status, 400)
  for (const body of [{}, { jti: '' }, { jti: 7 }, { userId: 'ann' }, { issuedBefore: 5 }, { userId: 'ann', issuedBefore: 'now' }, { userId: 'ann', issuedBefore: 1.5 }, { jti: 'j', userId: 'ann', issuedBefore: 5 }]) {
    t.equal((await ask(server, 'POST', '/api/v1/tokens/revoke', body)).status, 400, JSON.stringify(body))
  }
  t.ok(await goesOn(server))
})

test('a payload at the limit passes, a byte more does not; UTF-8 counts, not escapes', async t => {
  const server = await buildReady(t, { MAX_PAYLOAD_BYTES: '1000' })
  const tooLarge = { status: 413, body: { status: 'ERROR', error: { code: 'publish/payload-too-large' } } }
  t.match(await ask(server, 'POST', PUBLISH, { ...UPDATE, workspaceId: 'w', payload: 'x'.repeat(998) }), { status: 200 })
  t.match(await ask(server, 'POST', PUBLISH, { ...UPDATE, payload: 'x'.repeat(999) }), tooLarge)
  t.match(await ask(server, 'POST', PUBLISH, { ...UPDATE, payload: 'ä'.repeat(500) }), tooLarge)
  t.match(await ask(server, 'POST', PUBLISH, `{"workspaceId":"w","appId":"a","event":"E","payload":"${'\\u0041'.repeat(998)}"}`), { status: 200 })
  t.match(await ask(server, 'POST', PUBLISH, { ...UPDATE, payload: 'x'.repeat(20_000) }), tooLarge)
  t.match(await ask(server, 'PUT', '/api/v1/apps/', { ...ROOM, displayName: 'x'.repeat(2_000_000) }), tooLarge)
  t.ok(await goesOn(server))
})

test('nesting that could exhaust a stack', async t => {
  const server = await buildReady(t)
  for (const depth of [300, 30_000]) {
    const answer = await ask(server, 'POST', PUBLISH, `{"workspaceId":"acme","appId":"board-1","event":"E","payload":${'['.repeat(depth)}${']'.repeat(depth)}}`)
    t.match(answer, { status: 400, body: { error: { code: 'request/invalid' } } }, String(depth))
  }
  t.ok(await goesOn(server))
})

test('tokens that are none, or not here, or no more', async t => {
  const server = await buildReady(t)
  const now = nowInSeconds()
  const claims = { sub: 'ann', exp: now + 60, capabilities: { '*/*': ['publish', 'manage'] } }
  const [header = '', payload = '', signature = ''] = token().split('.')
  const bad: Record<string, string> = {
    'alg none': rawToken({ alg: 'none', typ: 'JWT' }, claims),
    'alg None with a signature': rawToken({ alg: 'None' }, claims, 'x'),
    'alg none over a good signature': `${rawToken({ alg: 'none' }, claims).split('.').slice(0, 2).join('.')}.${signature}`,
    'another secret': token({}, { key: 'another secret, of more than 32 characters' }),
    'another algorithm': token({}, { algorithm: 'HS512' }),
    'RS256 with its own key': token({}, { key: rsaKeys().privateKey, algorithm: 'RS256' }),
    'a key inside': rawToken({ alg: 'RS256', jwk: { kty: 'RSA' }, jku: 'http://127.0.0.1:1/keys' }, claims, 'x'),
    'a kid with a path': token({}, { kid: '../../etc/passwd', key: 'another secret, of more than 32 characters' }),
    'without sub': token({}, { omit: ['sub'] }),
    'without exp': token({}, { omit: ['exp'] }),
    'exp too far away': token({ exp: now + 31 * 24 * 3600 }),
    'not before no number': signedByHand({ ...claims, nbf: 'later' }, TEST_SECRET),
    'an array': signedByHand('[]', TEST_SECRET),
    'a text': signedByHand('"ann"', TEST_SECRET),
    'capabilities of the wrong form': token({ capabilities: 'all' as never }),
    'a changed payload': `${header}.${rawToken({}, { ...claims, sub: 'eve' }).split('.')[1] ?? ''}.${signature}`,
    'no signature': `${header}.${payload}.`,
    'two parts': `${header}.${payload}`,
    'four parts': `${token()}.x`,
    'no token at all': 'x',
    'over 8 KB': token({ filler: 'x'.repeat(9000) }),
    'the secret itself': TEST_SECRET.replaceAll(' ', '')
  }
  for (const [name, bearer] of Object.entries(bad)) {
    const answer = await ask(server, 'POST', PUBLISH, UPDATE, { authorization: `Bearer ${bearer}` })
    t.match(answer, { status: 401, body: { status: 'ERROR', data: null, error: { code: 'auth/invalid-token' } } }, name)
    t.notOk(answer.text.includes(bearer.slice(0, 40)) && bearer.length > 40, 'the answer does not show it')
  }
  for (const exp of [now - 1, now - 1e6]) t.match(await ask(server, 'POST', PUBLISH, UPDATE, { authorization: `Bearer ${token({ exp })}` }), { status: 401, body: { error: { code: 'auth/token-expired' } } })
  t.match(await ask(server, 'POST', PUBLISH, UPDATE, { authorization: `Bearer ${token({ exp: now - 1 }, { key: 'another secret, of more than 32 characters' })}` }), { status: 401, body: { error: { code: 'auth/invalid-token' } } })
  t.ok(await goesOn(server))
})

test('a public key is no shared secret', async t => {
  const { publicKey, privateKey } = rsaKeys()
  const server = await buildReady(t, { JWT_SECRET: '', JWT_PUBLIC_KEY: publicKey })
  const confused = signedByHand({ sub: 'ann', exp: nowInSeconds() + 60, capabilities: { '*/*': ['publish'] } }, publicKey)
  t.match(await ask(server, 'POST', PUBLISH, UPDATE, { authorization: `Bearer ${confused}` }), { status: 401, body: { error: { code: 'auth/invalid-token' } } })
  const good = token({}, { key: privateKey, algorithm: 'RS256' })
  t.equal((await ask(server, 'POST', PUBLISH, UPDATE, { authorization: `Bearer ${good}` })).status, 200)
})

test('a token anywhere but in the Authorization header is none', async t => {
  const server = await buildReady(t)
  const good = token()
  for (const [url, headers] of [
    [`${PUBLISH}?token=${good}`, {}], [`${PUBLISH}?access_token=${good}`, {}], [PUBLISH, { cookie: `token=${good}` }], [PUBLISH, { authorization: good }],
    [PUBLISH, { authorization: `Basic ${good}` }], [PUBLISH, { authorization: `Bearer ${good} ${good}` }], [PUBLISH, { authorization: 'Bearer ' }]
  ] as const) {
    const { statusCode, body } = await server.inject({ method: 'POST', url, headers: { 'content-type': 'application/json', ...headers }, payload: { ...UPDATE, token: good } })
    t.equal(statusCode, 401)
    t.match(JSON.parse(body), { error: { code: 'auth/missing-token' } })
  }
  t.ok(await goesOn(server))
})

test('routes and methods that there are not answer the envelope', async t => {
  const server = await buildReady(t)
  for (const [method, url] of [['GET', '/'], ['GET', '/api/v1/'], ['GET', '/api/v1/nothing'], ['GET', PUBLISH], ['DELETE', '/api/v1/apps/'], ['GET', '/../../etc/passwd'], ['POST', '/livez']] as const) {
    const answer = await ask(server, method, url)
    t.match(answer, { status: 404, body: { status: 'ERROR', data: null, error: { code: 'request/not-found', name: 'NotFoundError', retryable: false } } }, `${method} ${url}`)
    t.notMatch(answer.text, /passwd|nothing/)
  }
  t.ok(await goesOn(server))
})

test('too many publishes with one token are refused with Retry-After; another one is not touched', async t => {
  const server = await buildReady(t, { PUBLISH_BURST: '2', PUBLISHES_PER_SECOND: '1' })
  const statuses = []
  for (let n = 0; n < 4; n++) statuses.push((await ask(server, 'POST', PUBLISH, UPDATE)).status)
  t.strictSame(statuses.slice(0, 3), [200, 200, 429])
  const refused = await ask(server, 'POST', PUBLISH, UPDATE)
  t.match(refused, { status: 429, body: { error: { code: 'limit/publish-rate', retryable: true } } })
  t.equal(String(refused.headers['retry-after']), '1')
  t.equal((await ask(server, 'POST', PUBLISH, UPDATE, { authorization: `Bearer ${token({ sub: 'other' })}` })).status, 200)
})

test('a foreign origin is refused, and told nothing; a configured one may read the answer', async t => {
  const server = await buildReady(t, { CORS_ORIGINS: 'https://app.example.com' })
  const foreign = await ask(server, 'POST', PUBLISH, UPDATE, { origin: 'https://evil.example.com' })
  t.match(foreign, { status: 403, body: { error: { code: 'auth/foreign-origin' } } })
  t.notHas(foreign.headers, 'access-control-allow-origin')
  t.ok(await goesOn(server))
  const ours = await ask(server, 'POST', PUBLISH, UPDATE, { origin: 'https://app.example.com' })
  t.equal(ours.status, 200)
  t.equal(ours.headers['access-control-allow-origin'], 'https://app.example.com')
})

/** HS256 over whatever it is, also what a signer refuses. */
function signedByHand (payload: object | string, key: string): string {
  const unsigned = rawToken({ alg: 'HS256', typ: 'JWT' }, payload).slice(0, -1)
  return `${unsigned}.${createHmac('sha256', key).update(unsigned).digest('base64url')}`
}

function rsaKeys (): { publicKey: string, privateKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }
  })
}
