// `roomcast token`: a token that the service accepts, what one allows, or what is wrong with the request for one.
import { createVerifier } from 'fast-jwt'
import { test } from 'tap'
import { ask, buildReady, nowInSeconds, rawToken, roomcast, TEST_SECRET, token } from '../helpers/index.ts'

const KEY = { JWT_SECRET: TEST_SECRET }
const make = async (args: string[], env: Record<string, string> = KEY) => await roomcast(['token', ...args], env)

test('the token says what was asked for', async t => {
  const { stdout } = await make(['--sub', 'ann', '--can', 'acme/*=subscribe,publish', '--can', 'acme/*=presence', '--can', '*/board-1=manage', '--name', 'Ann', '--ttl', '60'])
  t.match(stdout, /^[\w.-]+\n$/)
  const claims = createVerifier({ key: TEST_SECRET, algorithms: ['HS256'] })(stdout.trim()) as { iat: number, exp: number }
  t.match(claims, { sub: 'ann', name: 'Ann', jti: String, capabilities: { 'acme/*': ['subscribe', 'publish', 'presence'], '*/board-1': ['manage'] } })
  t.equal(claims.exp - claims.iat, 60)
})

test('a service with the same settings accepts it, where it allows and nowhere else', async t => {
  const settings = { ...KEY, JWT_ISSUER: 'https://id.example.com', JWT_AUDIENCE: 'roomcast' }
  const server = await buildReady(t, settings)
  const bearer = (await make(['--sub', 'ann', '--can', 'acme/*=publish'], settings)).stdout.trim()
  const publish = async (workspaceId: string) => (await ask(server, 'POST', '/api/v1/publish', { workspaceId, appId: 'b', event: 'E', payload: 1 }, { authorization: `Bearer ${bearer}` })).status
  t.strictSame([await publish('acme'), await publish('other')], [200, 403])
})

test('without a secret, or with a short one, it says what to do and makes none', async t => {
  for (const env of [{}, { JWT_SECRET: '' }, { JWT_SECRET: 'short' }] as Array<Record<string, string>>) {
    t.match(await make(['--sub', 'ann', '--can', 'acme/*=publish'], env), { code: 1, stdout: '', stderr: /^roomcast token: .*JWT_SECRET should be .*at least 32 bytes.*\n$/ })
  }
})

test('a wrong option is named in one line', async t => {
  const cases: Array<[string[], RegExp]> = [
    [[], /--sub should/], [['--sub', ''], /--sub should/], [['--sub', 'ann', '--ttl', '1.5'], /--ttl should/], [['--sub', 'ann', '--ttl', '2592001'], /--ttl should .* 2592000/],
    [['--sub', 'ann', '--can', 'acme'], /--can acme: the part before/], [['--sub', 'ann', '--can', 'ac*/b=publish'], /--can ac\*\/b=publish: the part before/],
    [['--sub', 'ann', '--can', 'acme/*=write'], /--can acme\/\*=write: the part after/], [['--sub', 'ann', '--can', 'acme/*'], /the part after =/],
    [['--sub', 'ann', '--unknown'], /'--unknown'; --help/], [['a.b.c'], /--decode or --check/]
  ]
  for (const [args, stderr] of cases) {
    const ran = await make(args)
    t.match(ran, { code: 1, stdout: '', stderr }, args.join(' '))
    t.equal(ran.stderr.split('\n').length, 2)
  }
})

test('--decode says who, until when and what where, of a token of any key and age', async t => {
  const exp = nowInSeconds() - 3 * 3600
  const over = token({ sub: 'ann', name: 'Ann', jti: 'token-1', exp, capabilities: { 'acme/*': ['subscribe', 'publish'], 'acme/board-1': ['manage'] } }, { key: 'x'.repeat(40) })
  const { code, stdout } = await make(['--decode', over], {})
  t.equal(code, 0)
  t.match(stdout, 'who     ann (Ann)\n')
  t.match(stdout, `until   ${new Date(exp * 1000).toISOString()} (it ended 3 h ago)\n`)
  t.match(stdout, 'id      token-1\n')
  t.match(stdout, /^may {5}acme\/\*: subscribe, publish\n {8}acme\/board-1: manage$/m)

  t.match(await make(['--decode', '-'], {}), { code: 1, stderr: /this is not a token for Roomcast/ })
  t.match(await make(['--decode'], { ROOMCAST_TOKEN: token({ sub: 'leo' }) }), { code: 0, stdout: /^who {5}leo$/m })
  t.match(await roomcast(['token', '--decode', '-'], {}, { input: `${token({ sub: 'mia' })}\n` }), { code: 0, stdout: /^who {5}mia$/m })
})

test('--check asks the service with the settings of here, and says why it refuses', async t => {
  t.match(await make(['--check', token()]), { code: 0, stdout: /^A service with these settings accepts it, unless it was revoked\.\nwho {5}ann\n/ })
  const cases: Array<[string, Record<string, string>, string]> = [
    [token({}, { key: 'x'.repeat(40) }), KEY, 'auth/invalid-token'],
    [token({ iat: nowInSeconds() - 120, exp: nowInSeconds() - 60 }), KEY, 'auth/token-expired'],
    [token({ exp: nowInSeconds() + 3_000_000 }), KEY, 'ends more than 2592000 seconds'],
    [token(), { ...KEY, JWT_AUDIENCE: 'others' }, 'auth/invalid-token'],
    [rawToken({ alg: 'none' }, { sub: 'ann', exp: nowInSeconds() + 60 }), KEY, 'auth/invalid-token'],
    [token(), {}, 'no key is set']
  ]
  for (const [one, env, why] of cases) {
    t.match(await make(['--check', one], env), { code: 1, stdout: '', stderr: why })
  }
})
