// The package as others install it: plain npm in a fresh app, a host in TypeScript, one Fastify, and nothing that was not asked for.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { test } from 'tap'
import type { Update } from '../services/wire/protocol.ts'
import { startChild } from './helpers/child.ts'
import { connect, eventually, nextEvent, pathOf, publish, roomEvent, subscribe, TEST_SECRET, token } from './helpers/index.ts'

// Of whoever runs the tests only what npm needs: not this repository's own npm settings.
const env = { PATH: process.env.PATH, HOME: process.env.HOME }
const run = promisify(execFile)
const npm = async (cwd: string, ...args: string[]) => await run('npm', [...args, '--prefer-offline', '--no-audit', '--no-fund', '--no-update-notifier'], { cwd, env, maxBuffer: 16 * 1024 * 1024 })
const tool = async (name: string, args: string[], cwd = dir) => await run(pathOf(`node_modules/.bin/${name}`), args, { cwd, env })

const dir = await mkdtemp(join(tmpdir(), 'roomcast-package-'))
t.teardown(() => rm(dir, { recursive: true, force: true }))
const [packed] = JSON.parse((await npm(pathOf(), 'pack', '--json', '--pack-destination', dir)).stdout) as [{ filename: string, files: Array<{ path: string }> }]
const tarball = join(dir, packed.filename)

const HOST = `
import Fastify from 'fastify'
import roomcast, { type Roomcast, type RoomcastOptions } from 'roomcast'

const options: RoomcastOptions = { env: { JWT_SECRET: process.env['JWT_SECRET'] } }
const host = Fastify({ forceCloseConnections: true })
await host.register(roomcast, options)
const { publisher }: Roomcast = host.roomcast
host.post('/moved', async () => {
  const { offset } = await publisher.publish({ workspaceId: 'acme', appId: 'board-1', event: 'CARD_MOVED', payload: { card: 7 }, userId: 'host' })
  const place: number | null = offset
  return { place }
})
console.log(await host.listen({ port: 0, host: '127.0.0.1' }))
`

test('what ships: the build, its maps with their sources, the texts; no test, no bench, no settings of anybody', async t => {
  const files = packed.files.map(({ path }) => path)
  for (const path of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', '.env.example', 'dist/app.js', 'dist/app.d.ts', 'dist/server.js', 'dist/cli/roomcast.js', 'dist/inspector/index.html', 'dist/playground/index.html', 'dist/services/broker/scripts/publish.lua', 'scripts/demo.js', 'scripts/demo/processes.js', 'scripts/demo/control.js', 'deploy/nginx.conf', 'deploy/prometheus/compose.yml', 'deploy/alerts.yml']) {
    t.ok(files.includes(path), path)
  }
  t.strictSame(files.filter(path => /(^|\/)(test|bench|node_modules)\/|\.test\.|^[^/]+\.ts$|\.env$|^dist\/\./.test(path)), [])
  const map = JSON.parse(await readFile(pathOf('dist/app.js.map'), 'utf8')) as { sourcesContent?: string[] }
  t.match(map.sourcesContent?.[0], 'The service as a Fastify plugin')

  const bundle = await readFile(pathOf('dist/plugins/fastify-socket-io.js'), 'utf8')
  for (const name of ['fastify-socket.io', 'fastify-plugin']) t.match(bundle, new RegExp(`^/\\*! ${name} \\d[^]+Permission is hereby granted, free of charge`, 'm'), `the licence of ${name}`)
  t.notMatch(bundle, /from ['"]fastify-socket\.io/)
})

test('the package, its client, the chart and the changelog name one version', async t => {
  const [{ version }, client] = await Promise.all(['package.json', 'client/package.json'].map(async path => JSON.parse(await readFile(pathOf(path), 'utf8')) as { version: string })) as [{ version: string }, { version: string }]
  t.equal(client.version, version)
  t.match(await readFile(pathOf('deploy/helm/roomcast/Chart.yaml'), 'utf8'), new RegExp(`^version: ${version}$[^]*^appVersion: ${version}$`, 'm'))
  const [, newest] = /^## (\d+\.\d+\.\d+) - (?:unreleased|\d{4}-\d{2}-\d{2})$/m.exec(await readFile(pathOf('CHANGELOG.md'), 'utf8')) ?? []
  t.equal(newest, version)
})

test('publint, attw and a publish that only shows what it would do have nothing to say', async t => {
  await t.resolves(tool('publint', [tarball, '--strict']))
  await t.resolves(tool('attw', [tarball, '--profile', 'esm-only']))
  const { stderr } = await npm(pathOf(), 'publish', '--dry-run')
  t.notMatch(stderr, /npm warn (?!publish This command requires you to be logged in)/)
})

test('a fresh app: plain npm install, a host in TypeScript, the command, and plain npm ci after it', async t => {
  const app = join(dir, 'app')
  const { version } = JSON.parse(await readFile(pathOf('node_modules/fastify/package.json'), 'utf8')) as { version: string }
  await run('mkdir', [app])
  await writeFile(join(app, 'package.json'), JSON.stringify({ name: 'fresh-app', private: true, type: 'module' }))
  await npm(app, 'install', tarball, `fastify@${version}`)
  await assertTree()

  await writeFile(join(app, 'host.ts'), HOST)
  const compile = ['--ignoreConfig', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node']
  await t.resolves(tool('tsc', [...compile, 'host.ts'], app), 'with the types of all its packages checked')

  await npm(app, 'ci')
  await assertTree()
  const roomcast = async (args: string[], own = {}) => await run('npx', ['--no', 'roomcast', ...args], { cwd: app, env: { ...env, ...own } })
  t.match((await roomcast(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
  await t.rejects(roomcast(['check'], { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }), {
    code: 1, stderr: /the OpenTelemetry packages are not installed: run npm install @opentelemetry\/sdk-node @fastify\/otel/
  })
  await serve()

  async function assertTree (): Promise<void> {
    await t.resolves(npm(app, 'ls'))
    const copies = (await npm(app, 'ls', 'fastify', '--all', '--parseable')).stdout.trim().split('\n')
    t.strictSame(copies, [join(app, 'node_modules/fastify')], 'one Fastify')
    for (const name of ['fastify-socket.io', '@opentelemetry/sdk-node', 'pino-pretty']) t.notOk(existsSync(join(app, 'node_modules', name)), `no ${name}`)
  }

  async function serve (): Promise<void> {
    const host = await startChild(t, process.execPath, [join(app, 'host.js')], { ...env, JWT_SECRET: TEST_SECRET })
    const url = await eventually(() => /^http:\S+$/m.exec(host.output())?.[0], 20_000)
    await eventually(async () => (await publish(url, { workspaceId: 'acme', appId: 'other', event: 'E', payload: 1 })).status === 200)
    const socket = await connect(t, url, { token: token() })
    await subscribe(socket, 'acme', 'board-1')
    const elsewhere: Update[] = []
    await subscribe(socket, 'acme', 'board-2')
    socket.on(roomEvent('acme', 'board-2'), (update: Update) => elsewhere.push(update))
    const heard = nextEvent<Update>(socket, roomEvent('acme', 'board-1'))
    t.strictSame(await (await fetch(`${url}/moved`, { method: 'POST' })).json(), { place: 1 })
    t.match(await heard, { event: 'CARD_MOVED', payload: { card: 7 }, userId: 'host' })
    t.strictSame(elsewhere, [])
  }
})
