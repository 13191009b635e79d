// `npm run matrix [-- NAME…]`: the tests with other servers and other versions of Node.js, e.g. `npm run matrix -- Valkey`.
// It writes what ran to docs/tested-with.json, and from that docs/tested-with.md. With `--continue`, files that passed with
// that version do not run again.
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, delimiter } from 'node:path'
import { programOf } from './matrix/debian.js'
import { runFiles } from './test-files.js'

const JOBS = Number(process.env.TEST_JOBS ?? 3)
const RESULTS = 'docs/tested-with.json'

/** Lists of files by what they depend on. */
const REDIS = /^test\/(broker|faults)\//
const NGINX = /^test\/(nginx|nginx-.*|rolling-restart|draining)\.test/
const NODE = /^test\/(access|broker\/(?!redis-errors)|feeds|hooks|instances\/pages|presence|sessions|settings|wire)|^test\/(round|settings)\.test/

const servers = [
  { kind: 'Redis', files: REDIS, setting: 'TEST_REDIS_SERVER', package: 'redis-server', suites: [undefined, 'trixie'] },
  { kind: 'Valkey', files: REDIS, setting: 'TEST_REDIS_SERVER', package: 'valkey-server', suites: ['trixie', 'forky'] },
  { kind: 'nginx', files: NGINX, setting: 'TEST_NGINX', package: 'nginx', suites: [undefined, 'trixie', 'forky'] }
]
const entries = [
  ...servers.flatMap(({ suites, ...server }) => suites.map(suite => ({ ...server, suite }))),
  ...[20, 22, 24].map(major => ({ kind: 'Node.js', files: NODE, major }))
]

const wanted = process.argv.slice(2).filter(word => word !== '--continue')
const isContinued = process.argv.includes('--continue')
const { version: roomcast } = JSON.parse(readFileSync('package.json', 'utf8'))
const built = spawnSync(process.execPath, ['scripts/build.js', '--tests', '--incremental'], { stdio: 'inherit' })
if (built.status !== 0) process.exit(1)

for (const entry of entries) {
  const from = entry.major === undefined ? `Debian ${entry.suite ?? installed()}` : 'npm'
  const row = `${entry.kind} ${from} ${entry.major ?? ''}`
  if (wanted.length > 0 && !wanted.some(name => row.includes(name))) continue
  const { version, ...how } = entry.major === undefined ? server(entry) : node(entry.major)
  const names = readdirSync('test', { recursive: true }).map(name => `test/${name}`)
  const all = names.filter(name => name.endsWith('.test.ts') && entry.files.test(name)).sort()
  const passed = isContinued ? read().find(row => row.kind === entry.kind && row.version === version && row.roomcast === roomcast)?.passed ?? {} : {}
  const files = all.filter(name => passed[name] === undefined)
  console.log(`\n── ${entry.kind} ${version}, ${from}: ${files.length} of ${all.length} files`)
  const tell = () => keep({ kind: entry.kind, version, from, on: new Date().toISOString().slice(0, 10), roomcast, passed, missing: all.filter(name => passed[name] === undefined) })
  await runFiles(files, {
    jobs: JOBS,
    isSecondTry: true,
    ...how,
    onEnd (file, counts) {
      if (counts.failed + counts.skipped === 0) passed[file] = counts.passed
      tell()
    }
  })
  if (all.some(name => passed[name] === undefined)) process.exitCode = 1
}
spawnSync(process.execPath, ['scripts/tested-with.js'], { stdio: 'inherit' })

function server ({ setting, package: name, suite }) {
  const program = suite === undefined ? name : programOf(suite, name)
  const { stdout, stderr } = spawnSync(program, [name === 'nginx' ? '-v' : '--version'], { encoding: 'utf8', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } })
  return { version: /(?:v=|nginx\/)([\d.]+)/.exec(stdout + stderr)[1], env: { [setting]: program } }
}

function node (major) {
  const program = execFileSync('npx', ['--yes', '--ignore-scripts=false', '--package', `node@${major}`, '--', 'node', '-p', 'process.execPath'], { encoding: 'utf8' }).trim()
  const version = execFileSync(program, ['--version'], { encoding: 'utf8' }).trim().slice(1)
  return { version, node: program, env: { PATH: `${dirname(program)}${delimiter}${process.env.PATH}` } }
}

function installed () {
  return /VERSION_CODENAME=(\S+)/.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? ''
}

function read () {
  return JSON.parse(readFileSync(RESULTS, 'utf8'))
}

/** One row for each kind and major version: the last run. */
function keep (result) {
  const major = ({ kind, version }) => `${kind} ${version.split('.').slice(0, kind === 'nginx' ? 2 : 1).join('.')}`
  const others = read().filter(row => major(row) !== major(result))
  const sorted = [...others, result].sort((a, b) => a.kind.localeCompare(b.kind) || a.version.localeCompare(b.version, 'en', { numeric: true }))
  writeFileSync(RESULTS, `${JSON.stringify(sorted, null, 1)}\n`)
}
