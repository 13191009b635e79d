// The programs that the tests need. Installs missing ones if possible, otherwise prints what to install.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

// Command → Debian package.
const tools = {
  'redis-server': 'redis-server',
  'redis-sentinel': 'redis-sentinel',
  openssl: 'openssl',
  nginx: 'nginx',
  chromium: 'chromium',
  faketime: 'faketime',
  curl: 'curl',
  python3: 'python3',
  promtool: 'prometheus'
}

/** Packages that come with a service of the same name. */
const SERVICES = new Set(['redis-server', 'redis-sentinel', 'nginx', 'prometheus'])

// A user's PATH often lacks sbin, where Debian installs nginx.
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin']

const missing = findMissing()
if (missing.length > 0 && canInstall()) {
  run('apt-get', ['update'])
  run('apt-get', ['install', '-y', '--no-install-recommends', ...missing.map(tool => tools[tool])])
  // Debian starts what it installs. The tests start their own, so nothing is left running.
  const services = missing.map(tool => tools[tool]).filter(name => SERVICES.has(name))
  if (services.length > 0 && existsSync('/run/systemd/system')) run('systemctl', ['disable', '--now', ...services])
}

const stillMissing = findMissing()
if (stillMissing.length > 0) {
  console.error(`The tests need ${stillMissing.join(', ')}. On Debian, as root:\n` +
    `  apt-get update && apt-get install -y --no-install-recommends ${stillMissing.map(tool => tools[tool]).join(' ')}`)
  process.exit(1)
}

function findMissing () {
  return Object.keys(tools).filter(tool => !isInstalled(tool))
}

function isInstalled (command) {
  return folders.some(folder => isExecutable(join(folder, command)))
}

function isExecutable (file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function canInstall () {
  return process.getuid?.() === 0 && isInstalled('apt-get')
}

function run (command, args) {
  spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
}
