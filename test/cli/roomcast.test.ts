// `roomcast` itself, and the commands that need no running service: help, version, start, check, openapi, asyncapi.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { packageInfo } from '../../services/documents/package-info.ts'
import { call, eventually, freePort, HOST, roomcast, startInstance, startRoomcast, TEST_SECRET, token } from '../helpers/index.ts'

const commands = ['start', 'check', 'token', 'publish', 'tail', 'rooms', 'sessions', 'instances', 'disconnect', 'revoke', 'demo', 'openapi', 'asyncapi']

test('help lists every command, and each has its own; the version is that of the package', async t => {
  for (const args of [[], ['--help']]) {
    const { code, stdout } = await roomcast(args)
    t.equal(code, 0)
    t.strictSame([...stdout.matchAll(/^ {2}(\w+) /gm)].map(([, name]) => name), commands)
  }
  for (const name of ['token', 'tail', 'demo']) t.match(await roomcast([name, '--help']), { code: 0, stderr: '', stdout: new RegExp(`^roomcast ${name}`) })
  t.match((await roomcast(['publish', '--help'])).stdout, /^roomcast publish ROOM EVENT JSON\n[^]* --id ID +an update repeated[^]* --url URL/)
  t.match(await roomcast(['--version']), { code: 0, stdout: `${packageInfo.version}\n` })
  t.match(await roomcast(['pubish']), { code: 1, stdout: '', stderr: /^roomcast pubish: there is no such command: it should be one of start, .*\n$/ })
})

test('start: settings from .env, and the environment before it; it ends as the service does', async t => {
  const cwd = t.testdir({})
  const [port, unused] = [await freePort(), await freePort()]
  await writeFile(join(cwd, '.env'), `JWT_SECRET='${TEST_SECRET}'\nPORT=${unused}\nNODE_ENV=production\nLOG_LEVEL=warn\n`)
  const service = await startRoomcast(t, ['start'], { PORT: String(port), DRAIN_DELAY_SECONDS: '0' }, cwd)
  const url = `http://${HOST}:${port}`
  await eventually(async () => (await fetch(`${url}/readyz`)).ok, 20_000)
  t.equal((await call(url, 'PUT', '/api/v1/apps/', { token: token(), body: { workspaceId: 'acme', appId: 'b', displayName: 'B' } })).status, 200)
  t.equal((await call(url, 'GET', '/docs/')).status, 404, 'in production, as .env says')
  await t.rejects(fetch(`http://${HOST}:${unused}/livez`))
  t.match(await service.kill('SIGTERM'), { code: 0 })
})

test('check: names what is set, or every fault; never a value', async t => {
  const good = await roomcast(['check'], { JWT_SECRET: TEST_SECRET, PORT: '8080' })
  t.match(good, { code: 0, stdout: 'The settings are valid. Set: PORT, JWT_SECRET; all others have their defaults.\n' })
  const bad = await roomcast(['check'], { PORT: 'x', HISTORY_SIZE: '0', NODE_ENV: 'production' })
  t.match(bad, { code: 1, stdout: '' })
  for (const name of ['PORT', 'HISTORY_SIZE', 'JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL']) t.match(bad.stderr, new RegExp(`^ {2}- ${name} should be `, 'm'))
  t.match(await roomcast(['check'], { JWT_PUBLIC_KEY: 'no key' }), { code: 1, stderr: /JWT_PUBLIC_KEY should be a public key in PEM/ })

  const cwd = t.testdir({ '.env': 'PORT=y\n' })
  t.match(await roomcast(['check'], {}, { cwd }), { code: 1, stderr: /PORT should be/ })
})

test('openapi and asyncapi: what a service with these settings serves, whatever the others are', async t => {
  const settings = { SOCKET_PATH: '/live/', MAX_BATCH: '7' }
  const instance = await startInstance(t, settings)
  for (const name of ['openapi', 'asyncapi']) {
    const { code, stdout } = await roomcast([name], { ...settings, NODE_ENV: 'production', JWT_SECRET_PREVIOUS: TEST_SECRET, REDIS_URL: 'redis://127.0.0.1:1' })
    t.equal(code, 0)
    t.strictSame(JSON.parse(stdout), await (await fetch(`${instance.url}/${name}.json`)).json())
  }
})
