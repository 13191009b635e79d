// Container, compose, systemd and Kubernetes files fit the service: settings, routes, ports and times, without an engine to run them.
import { execFile } from 'node:child_process'
import { access, constants, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { test } from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { tracingPackages } from '../services/observe/load-tracing.ts'
import { readSettings, Settings } from '../services/settings.ts'
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
  ports: string[]
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
    t.doesNotThrow(() => readSettings({ ...environment, JWT_SECRET: SECRET, CORS_ORIGINS: '' }))
    t.ok(parseInt(grace) > drainSeconds, `${name} may take ${grace} to leave, needs ${drainSeconds} s`)
    t.ok(nginx.includes(`server ${name}:${defaults.PORT} `), `nginx.conf knows ${name}`)
    t.match(nginx, new RegExp(`"~\\^${environment.INSTANCE_NAME ?? '?'}\\\\." `), 'and its session ids')
    t.ok(services.nginx?.depends_on[name])
    const subnet = /subnet":"([^"]+)"/.exec(JSON.stringify(networks))?.[1]
    t.equal(environment.TRUST_PROXY, subnet)
  }
  t.strictSame(services.nginx?.ports, ['8080:8080', '127.0.0.1:8081:8081'], 'the inner door is not published')
  for (const port of [8080, 8081]) t.match(nginx, `listen ${port};`)
  t.match(services.redis?.command.join(' '), /--appendonly yes .*--maxmemory-policy noeviction/)
})

test('Dockerfile: Node 24, not root, /livez, no development dependencies, the signal goes to node', async t => {
  const text = await read('Dockerfile')
  const [, final = ''] = text.split(/^FROM \$\{NODE_IMAGE\}$/m)
  t.match(text, /^ARG NODE_IMAGE=node:24-alpine$/m, 'which a digest can take the place of')
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

interface Probe { httpGet: { path: string, port: string } }
interface Manifest {
  kind: string
  metadata: { name: string, annotations?: Record<string, string> }
  spec: Record<string, unknown>
}
interface Pod {
  terminationGracePeriodSeconds: number
  containers: Array<{
    ports: Array<{ name: string, containerPort: number }>
    env: Array<{ name: string, value?: string }>
    livenessProbe: Probe
    readinessProbe: Probe
    lifecycle: { preStop: { sleep: { seconds: number } } }
  }>
}

async function manifests (): Promise<Manifest[]> {
  const files = ['deployment', 'service', 'ingress', 'availability']
  const texts = await Promise.all(files.map(file => read(`deploy/kubernetes/${file}.yaml`)))
  return texts.flatMap(text => parseAllDocuments(text).map(document => document.toJS() as Manifest))
}

test('Kubernetes: settings, probes, ports and times fit the service and each other', async t => {
  const all = await manifests()
  t.strictSame(all.map(({ kind }) => kind), ['Deployment', 'Service', 'Ingress', 'PodDisruptionBudget', 'HorizontalPodAutoscaler'])
  const [deployment, service, ingress, budget, scaler] = all as [Manifest, Manifest, Manifest, Manifest, Manifest]
  const { template, selector } = deployment.spec as { template: { metadata: { labels: Env }, spec: Pod }, selector: { matchLabels: Env } }
  const [container] = template.spec.containers
  if (container === undefined) return t.fail('no container')

  const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value ?? 'roomcast-7d9c5b6f8d-x2x4z'])) as Env
  t.strictSame(unknownSettings(env), [])
  const settings = readSettings({ ...env, JWT_SECRET: SECRET })
  t.equal(settings.INSTANCE_NAME, 'roomcast-7d9c5b6f8d-x2x4z', 'a pod name is a name of an instance')
  t.equal(container.ports[0]?.containerPort, settings.PORT)
  const needed = container.lifecycle.preStop.sleep.seconds + settings.DRAIN_DELAY_SECONDS + settings.DRAIN_SECONDS + settings.CLOSE_TIMEOUT_MS / 1000
  t.ok(template.spec.terminationGracePeriodSeconds > needed, `${template.spec.terminationGracePeriodSeconds} s to leave, ${needed} s needed`)

  const instance = await startInstance(t)
  await instance.ready()
  for (const { httpGet: { path, port } } of [container.livenessProbe, container.readinessProbe]) {
    t.equal((await fetch(instance.url + path)).status, 200, path)
    t.equal(port, container.ports[0]?.name)
  }
  t.equal(container.livenessProbe.httpGet.path, '/livez')
  t.equal(container.readinessProbe.httpGet.path, '/readyz')

  for (const labels of [template.metadata.labels, service.spec.selector, (budget.spec.selector as typeof selector).matchLabels]) {
    t.strictSame(labels, selector.matchLabels)
  }
  t.equal((scaler.spec.scaleTargetRef as { name: string }).name, deployment.metadata.name)
  t.match(JSON.stringify(scaler.spec.metrics), '"name":"roomcast_sockets"')
  t.match(await (await fetch(`${instance.url}/metrics`)).text(), /^roomcast_sockets /m)

  const annotation = (name: string) => ingress.metadata.annotations?.[`nginx.ingress.kubernetes.io/${name}`]
  for (const name of ['proxy-read-timeout', 'proxy-send-timeout']) {
    t.ok(Number(annotation(name)) * 1000 > settings.PING_INTERVAL_MS + settings.PING_TIMEOUT_MS, name)
  }
  const paths = [...JSON.stringify(ingress.spec).matchAll(/"path":"([^"]+)"/g)].map(([, path = '']) => path)
  t.ok(paths.includes(settings.SOCKET_PATH))
  t.notOk(paths.some(path => /metrics|publish|sessions|tokens|^\/$/.test(path)), 'internal routes stay inside')
  t.equal(annotation('session-cookie-path'), settings.SOCKET_PATH)
})
