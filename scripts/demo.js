// `npm run demo`: Redis, three instances and nginx from what is installed on this machine, one address and a token.
// Ports can be given as DEMO_PORT and DEMO_INTERNAL_PORT; everything else takes free ones. Ctrl-C ends it all.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createSigner } from 'fast-jwt'
import { nginxArgs, renderNginx } from '../dist/scripts/render-nginx.js'

const HOST = '127.0.0.1'
const TOKEN_MS = 24 * 3600 * 1000
const START_MS = 20_000
const NAMES = ['a', 'b', 'c']
const ALL = { '*/*': ['subscribe', 'publish', 'presence', 'manage'] }
const root = new URL('..', import.meta.url)

/** In the order of their start; they end in the opposite one. */
const children = []
let isEnding = false
const dir = await mkdtemp(join(tmpdir(), 'roomcast-demo-'))
process.once('exit', () => { for (const { child } of children) child.kill('SIGKILL') })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => end(0))

try {
  await start()
} catch (error) {
  console.error(`The demo did not start: ${error.message}`)
  await end(1)
}

async function start () {
  const secret = randomBytes(32).toString('hex')
  const port = Number(process.env.DEMO_PORT ?? 8080)
  const internalPort = Number(process.env.DEMO_INTERNAL_PORT ?? 8081)
  await assertFree(port, 'DEMO_PORT')
  await assertFree(internalPort, 'DEMO_INTERNAL_PORT')
  const [redisPort, ...ports] = await freePorts(4)

  run('redis-server', 'redis-server', ['--bind', HOST, '--port', String(redisPort), '--dir', dir, '--save', '', '--appendonly', 'yes'])
  for (const [i, name] of NAMES.entries()) {
    run(`instance ${name}`, process.execPath, [new URL('dist/server.js', root).pathname], {
      PATH: process.env.PATH,
      NODE_ENV: 'development',
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
      HOST,
      PORT: String(ports[i]),
      INSTANCE_NAME: name,
      TRUST_PROXY: HOST,
      REDIS_URL: `redis://${HOST}:${redisPort}`,
      JWT_SECRET: secret,
      // A demo may end faster than a deploy.
      DRAIN_DELAY_SECONDS: '0',
      DRAIN_SECONDS: '1'
    })
  }
  // The workers of nginx are of another user.
  await chmod(dir, 0o755)
  await writeFile(join(dir, 'nginx.conf'), renderNginx(await readFile(new URL('deploy/nginx.conf', root), 'utf8'), {
    instances: ports.map(own => `${HOST}:${own}`), listen: `${HOST}:${port}`, listenInternal: `${HOST}:${internalPort}`, dir
  }))
  run('nginx', 'nginx', nginxArgs(dir), { ...process.env, PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin` })

  for (const own of ports) await untilOk(`http://${HOST}:${own}/readyz`)
  await untilOk(`http://${HOST}:${port}/api/v1/health/`)
  if (isEnding) return
  const sign = createSigner({ key: secret, expiresIn: TOKEN_MS })
  const [token, other] = [['ann', 'Ann'], ['leo', 'Leo']].map(([sub, name]) => sign({ sub, name, capabilities: ALL }))
  console.log(`
Three instances behind nginx: http://${HOST}:${port}/
For internal services (publish, sessions, tokens): http://${HOST}:${internalPort}/
Instances: ${ports.map((own, i) => `${NAMES[i]} http://${HOST}:${own}`).join(', ')}

Two collaborators in the playground: http://${HOST}:${port}/#token=${token}&token=${other}

A token for this run, which may do everything:

${token}

Ctrl-C ends it.
`)
}

function run (name, command, args, env = process.env) {
  // A process group of its own: Ctrl-C reaches us alone, and we end them in order.
  // In a folder of its own: a .env of where the demo was started is not for these instances.
  const child = spawn(command, args, { env, cwd: dir, stdio: ['ignore', 'ignore', 'inherit'], detached: true })
  children.push({ name, child })
  child.once('error', error => fail(error.code === 'ENOENT' ? `${command} is not installed (on Debian: apt-get install redis-server nginx)` : error.message))
  child.once('exit', (code, signal) => fail(`${name} ended with ${signal ?? code}`))
}

function fail (reason) {
  if (isEnding) return
  console.error(reason)
  return end(1)
}

async function end (code) {
  if (isEnding) return
  isEnding = true
  for (const { child } of children.reverse()) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGTERM')
    await Promise.race([once(child, 'exit'), wait(START_MS, undefined, { ref: false })])
  }
  await rm(dir, { recursive: true, force: true })
  process.exit(code)
}

async function untilOk (url) {
  const deadline = Date.now() + START_MS
  while (Date.now() < deadline) {
    if (isEnding) return
    const isOk = await fetch(url).then(answer => answer.ok, () => false)
    if (isOk) return
    await wait(50)
  }
  throw new Error(`${url} did not answer`)
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
