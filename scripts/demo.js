// `npm run demo`: Redis, three instances, nginx and, where it is installed, Prometheus: one address and a token. What is killed
// starts again. Ports: DEMO_PORT, DEMO_INTERNAL_PORT, DEMO_PROMETHEUS_PORT; everything else takes free ones. Ctrl-C ends it all.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigner } from 'fast-jwt'
import { nginxArgs, renderNginx } from '../dist/scripts/render-nginx.js'
import { createControl } from './demo/control.js'
import { createProcesses } from './demo/processes.js'

const HOST = '127.0.0.1'
const TOKEN_MS = 24 * 3600 * 1000
const ALL = { '*/*': ['subscribe', 'publish', 'presence', 'manage'] }
const root = new URL('..', import.meta.url)

let isEnding = false
const dir = await mkdtemp(join(tmpdir(), 'roomcast-demo-'))
const processes = createProcesses({ cwd: dir, onLost: fail, tell: message => console.log(message) })
process.once('exit', () => processes.kill())
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => end(0))

try {
  await start()
} catch (error) {
  await fail(error.message)
}

async function start () {
  const secret = randomBytes(32).toString('hex')
  const port = Number(process.env.DEMO_PORT ?? 8080)
  const internalPort = Number(process.env.DEMO_INTERNAL_PORT ?? 8081)
  await assertFree(port, 'DEMO_PORT')
  await assertFree(internalPort, 'DEMO_INTERNAL_PORT')
  const isWatched = spawnSync('prometheus', ['--version']).error === undefined
  const prometheusPort = Number(process.env.DEMO_PROMETHEUS_PORT ?? 9090)
  if (isWatched) await assertFree(prometheusPort, 'DEMO_PROMETHEUS_PORT')
  const [redisPort, a, b, c] = await freePorts(4)
  const control = createControl(processes).listen(0, HOST)
  await once(control, 'listening')

  startRedis(redisPort)
  for (const [name, own] of [['a', a], ['b', b], ['c', c]]) startInstance(name, own, { REDIS_URL: `redis://${HOST}:${redisPort}`, JWT_SECRET: secret })
  await startNginx({
    instances: [a, b, c].map(own => `${HOST}:${own}`), listen: `${HOST}:${port}`, listenInternal: `${HOST}:${internalPort}`, demo: `${HOST}:${control.address().port}`
  })
  if (isWatched) await startPrometheus(prometheusPort, { a, b, c })
  await processes.ready()
  if (isEnding) return
  const sign = createSigner({ key: secret, expiresIn: TOKEN_MS })
  const [token, other] = [['ann', 'Ann'], ['leo', 'Leo']].map(([sub, name]) => sign({ sub, name, capabilities: ALL }))
  print({ url: `http://${HOST}:${port}`, internalUrl: `http://${HOST}:${internalPort}`, token, other, prometheus: isWatched && `http://${HOST}:${prometheusPort}` })
}

function startRedis (port) {
  processes.start({
    name: 'redis',
    command: 'redis-server',
    args: ['--bind', HOST, '--port', String(port), '--dir', dir, '--save', '', '--appendonly', 'yes'],
    address: `redis://${HOST}:${port}`,
    isReady: () => isOpen(port),
    comesBack: true
  })
}

function startInstance (name, port, settings) {
  processes.start({
    name: `instance ${name}`,
    command: process.execPath,
    args: [new URL('dist/server.js', root).pathname],
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'development',
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
      HOST,
      PORT: String(port),
      INSTANCE_NAME: name,
      TRUST_PROXY: HOST,
      // A demo may end faster than a deploy.
      DRAIN_DELAY_SECONDS: '0',
      DRAIN_SECONDS: '1',
      ...settings
    },
    address: `http://${HOST}:${port}`,
    isReady: async () => (await fetch(`http://${HOST}:${port}/readyz`)).ok,
    comesBack: true
  })
}

async function startNginx (places) {
  // The workers of nginx are of another user.
  await chmod(dir, 0o755)
  await writeFile(join(dir, 'nginx.conf'), renderNginx(await readFile(new URL('deploy/nginx.conf', root), 'utf8'), { ...places, dir }))
  processes.start({
    name: 'nginx',
    command: 'nginx',
    args: nginxArgs(dir),
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin` },
    isReady: async () => (await fetch(`http://${places.listen}/api/v1/health/`)).ok
  })
}

/** The configuration beside compose.yaml, with the addresses of the demo. */
async function startPrometheus (port, ports) {
  const shipped = await readFile(new URL('deploy/prometheus/compose.yml', root), 'utf8')
  await writeFile(join(dir, 'prometheus.yml'), shipped.replaceAll(/roomcast-([abc]):3000/g, (_, name) => `${HOST}:${ports[name]}`).replaceAll('15s', '5s'))
  await copyFile(new URL('deploy/alerts.yml', root), join(dir, 'alerts.yml'))
  const address = `http://${HOST}:${port}`
  processes.start({
    name: 'prometheus',
    command: 'prometheus',
    args: [`--config.file=${dir}/prometheus.yml`, `--storage.tsdb.path=${dir}/prometheus`, `--web.listen-address=${HOST}:${port}`, '--log.level=error'],
    address,
    isReady: async () => (await fetch(`${address}/-/ready`)).ok
  })
}

function print ({ url, internalUrl, token, other, prometheus }) {
  const list = processes.list()
  const width = Math.max(...list.map(({ name }) => name.length))
  console.log(`
Two collaborators in the playground, on three instances behind nginx:

${url}/#demo=1&token=${token}&token=${other}

The API is at the same address, and as internal services have it at ${internalUrl}. A token for this run, which may do everything:

${token}

Rooms, users and instances in the inspector: ${internalUrl}/inspector/#token=${token}

${prometheus ? `Metrics and alerts: ${prometheus}/alerts` : 'Metrics: install prometheus (on Debian: apt-get install prometheus) and start again.'}

To try it, with that token in TOKEN:

curl ${url}/api/v1/publish -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{ "workspaceId": "acme", "appId": "board-1", "event": "MESSAGE", "payload": { "text": "Hello from curl" } }'

To break something, \`kill -9\` a pid or use the buttons of the playground; Redis and the instances start again by themselves:

${list.map(({ name, pid, address = url }) => `  ${name.padEnd(width)}  pid ${String(pid).padEnd(8)} ${address}`).join('\n')}

Ctrl-C ends it.
`)
}

async function fail (reason) {
  if (isEnding) return
  console.error(`The demo ends: ${reason}`)
  await end(1)
}

async function end (code) {
  if (isEnding) return
  isEnding = true
  await processes.close()
  await rm(dir, { recursive: true, force: true })
  process.exit(code)
}

async function isOpen (port) {
  const socket = connect(port, HOST)
  return await once(socket, 'connect').then(() => true, () => false).finally(() => socket.destroy())
}

async function assertFree (port, setting) {
  const server = createServer().listen(port, HOST)
  await once(server, 'listening').catch(error => { throw new Error(`port ${port}: ${error.code}; give another one as ${setting}`) })
  await once(server.close(), 'close')
}

async function freePorts (count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, HOST))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => server.address().port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports
}
