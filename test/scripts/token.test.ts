// `npm run token`: a token that the service accepts, or what is wrong with the request for one.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { createVerifier } from 'fast-jwt'
import { test } from 'tap'
import { ask, buildReady, pathOf, TEST_SECRET } from '../helpers/index.ts'

const script = pathOf('scripts/token.js')
const run = promisify(execFile)

async function make (args: string[], env: Record<string, string> = { JWT_SECRET: TEST_SECRET }): Promise<string> {
  return (await run(process.execPath, [script, ...args], { env: { PATH: process.env.PATH, ...env } })).stdout
}

test('the token says what was asked for', async t => {
  const printed = await make(['--sub', 'ann', '--can', 'acme/*=subscribe,publish', '--can', 'acme/*=presence', '--can', '*/board-1=manage', '--name', 'Ann', '--ttl', '60'])
  t.match(printed, /^[\w.-]+\n$/)
  const claims = createVerifier({ key: TEST_SECRET, algorithms: ['HS256'] })(printed.trim()) as { iat: number, exp: number }
  t.match(claims, { sub: 'ann', name: 'Ann', jti: String, capabilities: { 'acme/*': ['subscribe', 'publish', 'presence'], '*/board-1': ['manage'] } })
  t.equal(claims.exp - claims.iat, 60)
})

test('the service accepts it, where it allows and nowhere else', async t => {
  const server = await buildReady(t)
  const bearer = (await make(['--sub', 'ann', '--can', 'acme/*=publish'])).trim()
  const publish = async (workspaceId: string) => (await ask(server, 'POST', '/api/v1/publish', { workspaceId, appId: 'b', event: 'E', payload: 1 }, { authorization: `Bearer ${bearer}` })).status
  t.strictSame([await publish('acme'), await publish('other')], [200, 403])
})

test('without a secret, or with a short one, it says what to do and makes none', async t => {
  for (const env of [{}, { JWT_SECRET: '' }, { JWT_SECRET: 'short' }]) {
    await t.rejects(make(['--sub', 'ann', '--can', 'acme/*=publish'], env as Record<string, string>), { code: 1, stdout: '', stderr: /^JWT_SECRET should be set .*at least 32 bytes/ })
  }
})

test('what is wrong in the options is named, with the usage', async t => {
  const cases: Array<[string[], RegExp]> = [
    [[], /^--sub should/], [['--sub', ''], /^--sub should/], [['--sub', 'ann', '--ttl', '1.5'], /^--ttl should/], [['--sub', 'ann', '--ttl', '2592001'], /^--ttl should .* 2592000/],
    [['--sub', 'ann', '--can', 'acme'], /^--can acme: before/], [['--sub', 'ann', '--can', 'ac*/b=publish'], /^--can ac\*\/b=publish: before/],
    [['--sub', 'ann', '--can', 'acme/*=write'], /^--can acme\/\*=write: after/], [['--sub', 'ann', '--can', 'acme/*'], /after the =/], [['--sub', 'ann', '--unknown'], /--unknown/]
  ]
  for (const [args, stderr] of cases) {
    const failure = await make(args).catch((error: unknown) => error)
    t.match(failure, { code: 1, stdout: '', stderr }, args.join(' '))
    t.match(failure, { stderr: /npm run token -- --sub USER/ })
  }
})
