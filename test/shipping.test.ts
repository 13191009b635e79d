// Container, compose and systemd files fit the service: settings, routes, ports and times, without an engine to run them.
import { execFile } from 'node:child_process'
import { access, constants, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { test } from 'tap'
import { parse } from 'yaml'
import { tracingPackages } from '../services/observe/load-tracing.ts'
import { Settings } from '../services/settings.ts'
import { readSettings } from '../services/settings/read.ts'
import { pathOf, startInstance } from './helpers/index.ts'

const run = promisify(execFile)
const read = (file: string) => readFile(pathOf(file), 'utf8')
const defaults = readSettings({})
const drainSeconds = defaults.DRAIN_DELAY_SECONDS + defaults.DRAIN_SECONDS + defaults.CLOSE_TIMEOUT_MS / 1000
const SECRET = 'x'.repeat(32)

type Env = Record<string, string>

function unknownSettings (env: Env): string[] {
  return Object.keys(env).filter(name => !Object.hasOwn(Settings.properties, name))
}

interface Service {
  environment: Env
  healthcheck?: unknown
  stop_grace_period: string
  depends_on: Record<string, unknown>
  ports?: string[]
  command: string[]
  image: string
}

test('compose.yaml: names, ports and settings are those of nginx.conf and of the service', async t => {
  const { services, networks } = parse(await read('compose.yaml'), { merge: true }) as { services: Record<string, Service>, networks: unknown }
  const nginx = await read('deploy/nginx.conf')
  const instances = Object.entries(services).filter(([name]) => name.startsWith('roomcast-'))
  t.equal(instances.length, 3)
  for (const [name, { environment, stop_grace_period: grace }] of instances) {
    t.strictSame(unknownSettings(environment), [], name)
    const REDIS_URL = environment.REDIS_URL?.replace(/\$\{REDIS_PASSWORD:\?[^}]+\}/, 'Passw0rd') ?? ''
    t.match(REDIS_URL, 'Passw0rd', 'Redis has a password')
    t.doesNotThrow(() => readSettings({ ...environment, REDIS_URL, JWT_SECRET: SECRET, CORS_ORIGINS: '' }))
    t.ok(parseInt(grace) > drainSeconds, `${name} may take ${grace} to leave, needs ${drainSeconds} s`)
    t.ok(nginx.includes(`server ${name}:${defaults.PORT} `), `nginx.conf knows ${name}`)
    t.match(nginx, new RegExp(`"~\\^${environment.INSTANCE_NAME ?? '?'}\\\\." `), 'and its session ids')
    t.ok(services.nginx?.depends_on[name])
    const subnet = /subnet":"([^"]+)"/.exec(JSON.stringify(networks))?.[1]
    t.equal(environment.TRUST_PROXY, subnet)
  }
  t.strictSame(services.nginx?.ports, ['8080:8080', '127.0.0.1:8081:8081'], 'the port for services is not published')
  for (const port of [8080, 8081]) t.match(nginx, new RegExp(`listen ${port}[ ;]`))
  t.match(nginx, `allow ${/subnet":"([^"]+)"/.exec(JSON.stringify(networks))?.[1]};`, 'this host comes in through the gateway of that network')
  for (const [name, service] of Object.entries(services)) {
    t.match(service, { read_only: true, cap_drop: ['ALL'], logging: { options: { 'max-size': /m$/ } } }, name)
    for (const port of service.ports?.slice(name === 'nginx' ? 1 : 0) ?? []) t.match(port, /^127\.0\.0\.1:/, `${name} is for this host only`)
  }
  t.match(services.redis?.command.join(' '), /--appendonly yes .*--maxmemory-policy noeviction/)
})

test('Dockerfile: Node 24, not root, /livez, no development dependencies, the signal goes to node', async t => {
  const text = await read('Dockerfile')
  const [, final = ''] = text.split(/^FROM \$\{NODE_IMAGE\}$/m)
  t.match(text, /^ARG NODE_IMAGE=node:24-alpine@sha256:[0-9a-f]{64}$/m, 'pinned by its digest')
  t.match(text, /^FROM \$\{NODE_IMAGE\} AS build$/m)
  t.match(text, 'npm prune --omit=dev')
  t.match(final, /^USER node$/m)
  t.match(final, /^CMD \["node", "dist\/server\.js"\]$/m)
  t.match(final, '/livez')
  const [, variables = ''] = /^ENV (.+)$/m.exec(final) ?? []
  const env = Object.fromEntries(variables.split(' ').map(pair => pair.split('='))) as Env
  t.strictSame(unknownSettings(env), [])
  t.match(final, /^ENV NODE_OPTIONS=--enable-source-maps$/m)
  t.match(final, `ln -s /app/${(JSON.parse(await read('package.json')) as { bin: { roomcast: string } }).bin.roomcast} /usr/local/bin/roomcast`)
  await t.resolves(access(pathOf('dist/cli/roomcast.js'), constants.X_OK), 'a command')
  const [, tracing = ''] = /npm install --no-save --save-prod --omit=dev \\\n +(.+); fi/.exec(text) ?? []
  t.equal(tracing, tracingPackages.join(' '))
  const ignored = (await read('.dockerignore')).split('\n')
  for (const name of ['node_modules', '.git', '.env*', 'test']) t.ok(ignored.includes(name), `${name} stays outside`)
  t.ok((await read('.gitignore')).split('\n').includes('.env'), 'settings with secrets are neither committed nor packed')
  for (const name of ['package.json', 'services', 'plugins', 'tsconfig.json', 'tsconfig.build.json', '.npmrc']) t.notOk(ignored.includes(name), `${name} goes in`)

  await t.test('its health check says yes to a live instance, and no to none', async t => {
    const [, script = ''] = /CMD \["node", "-e", "(.+)"\]/.exec(final) ?? []
    const instance = await startInstance(t)
    const env = { PATH: process.env.PATH }
    await t.resolves(run(process.execPath, ['-e', script], { env: { ...env, PORT: String(instance.port) } }))
    await instance.kill()
    await t.rejects(run(process.execPath, ['-e', script], { env: { ...env, PORT: String(instance.port) } }))
  })
})

test('systemd: time to drain, and a unit that systemd accepts', async t => {
  const text = await read('deploy/systemd/roomcast.service')
  t.ok(Number(/^TimeoutStopSec=(\d+)$/m.exec(text)?.[1]) > drainSeconds)
  const isInstalled = await run('systemd-analyze', ['--version']).then(() => true, () => false)
  if (!isInstalled) return t.comment('systemd-analyze is not installed: the unit was only read')
  const { stderr } = await run('systemd-analyze', ['verify', pathOf('deploy/systemd/roomcast.service')])
  t.notMatch(stderr, /roomcast\.service/)
})
