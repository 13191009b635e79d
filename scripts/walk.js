// `npm run walk`: from an empty folder to three instances behind nginx with Redis, metrics and inspector, by the commands that
// docs/operations.md prints. Each step is seen to work; the seconds are written to that page.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const HOST = '127.0.0.1'
const PATIENCE_MS = 60_000
const here = fileURLToPath(new URL('..', import.meta.url))
const page = join(here, 'docs/operations.md')
const { repository: { url: repository } } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'))

const folder = mkdtempSync(join(tmpdir(), 'roomcast-walk-'))
const work = join(folder, 'roomcast')
const rows = []
let demo

try {
  await step(`git clone ${repository.replace(/^git\+|\.git$/g, '')} && cd roomcast`, () => run(folder, 'git', 'clone', '--quiet', here, 'roomcast'))
  await step('npm ci', () => run(work, 'npm', 'ci', '--silent'))
  const { addresses, token } = await step('npm run demo', startDemo)
  await step('three instances are ready, each with its version: `/api/v1/instances`', async () => {
    const { data } = await ask(`${addresses.internal}/api/v1/instances`, token)
    return data.instances.length === 3 && data.instances.every(({ ready }) => ready)
  })
  await step('an update goes through nginx: `POST /api/v1/publish`', async () => {
    const update = { workspaceId: 'acme', appId: 'board-1', event: 'MESSAGE', payload: { text: 'hello' } }
    return (await ask(`${addresses.public}/api/v1/publish`, token, update)).status === 'SUCCESS'
  })
  await step('the inspector is served: `/inspector/`', async () => (await fetch(`${addresses.internal}/inspector/`)).ok)
  await step('Prometheus reads all three', async () => {
    const { data } = await ask(`${addresses.prometheus}/api/v1/targets`)
    return data.activeTargets.length === 3 && data.activeTargets.every(({ health }) => health === 'up')
  })
  write()
} finally {
  if (demo?.exitCode === null) {
    process.kill(-demo.pid, 'SIGINT')
    await once(demo, 'close')
  }
  rmSync(folder, { recursive: true, force: true })
}

/** Tries until the step is done; its seconds become a row. */
async function step (what, act) {
  const startedAt = performance.now()
  for (;;) {
    const done = await act()
    if (done) {
      rows.push({ what, seconds: (performance.now() - startedAt) / 1000 })
      console.log(`${rows.at(-1).seconds.toFixed(1).padStart(6)} s  ${what}`)
      return done
    }
    if (performance.now() - startedAt > PATIENCE_MS) throw new Error(`not within ${PATIENCE_MS / 1000} s: ${what}`)
    await wait(50)
  }
}

function run (cwd, command, ...args) {
  const { status } = spawnSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
  return true
}

async function startDemo () {
  const [publicPort, internalPort, prometheusPort] = await freePorts(3)
  demo = spawn('npm', ['run', 'demo'], {
    cwd: work, detached: true, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, DEMO_PORT: publicPort, DEMO_INTERNAL_PORT: internalPort, DEMO_PROMETHEUS_PORT: prometheusPort }
  })
  let output = ''
  for await (const chunk of demo.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    output += chunk
    if (output.includes('Ctrl-C ends it')) break
  }
  demo.stdout.resume()
  const [token] = /^[\w-]+\.[\w-]+\.[\w-]+$/m.exec(output) ?? []
  if (token === undefined) throw new Error(`the demo did not start:\n${output}`)
  return { token, addresses: { public: `http://${HOST}:${publicPort}`, internal: `http://${HOST}:${internalPort}`, prometheus: `http://${HOST}:${prometheusPort}` } }
}

async function ask (url, token, body) {
  const response = await fetch(url, {
    headers: { ...token && { Authorization: `Bearer ${token}` }, ...body && { 'Content-Type': 'application/json' } },
    ...body && { method: 'POST', body: JSON.stringify(body) }
  })
  return await response.json()
}

async function freePorts (count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, HOST))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => server.address().port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports
}

function write () {
  const all = rows.reduce((sum, { seconds }) => sum + seconds, 0)
  const table = [
    '| step | seconds |',
    '| --- | --- |',
    ...rows.map(({ what, seconds }) => `| ${/^(git|npm)/.test(what) ? `\`${what}\`` : what} | ${seconds.toFixed(1)} |`),
    `| all | ${all.toFixed(1)} |`,
    '',
    `Run on ${new Date().toISOString().slice(0, 10)} on ${cpus().length} processors with Node ${process.version}; the clone came from the same disk, the packages from npm.`
  ].join('\n')
  const before = readFileSync(page, 'utf8')
  writeFileSync(page, before.replace(/(<!-- walk -->\n)[^]*?(<!-- \/walk -->)/, (_, start, end) => `${start}${table}\n${end}`))
}
