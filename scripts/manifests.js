// `npm run manifests` renders the chart in deploy/helm/roomcast with `helm template` to the plain files in deploy/kubernetes/.
// `--check` tells whether they are those of the chart: by the chart's digest, and by rendering again where helm is installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const chart = join(root, 'deploy/helm/roomcast')
const target = join(root, 'deploy/kubernetes')

/** What needs kinds that a cluster may not have lies apart: `kubectl apply -f deploy/kubernetes/` leaves folders out. */
const folders = { 'httproute.yaml': 'gateway-api', 'podmonitor.yaml': 'prometheus-operator', 'prometheusrule.yaml': 'prometheus-operator' }

if (process.argv.includes('--check')) check()
else write()

function write () {
  // A chart reaches only files of its own folder.
  cpSync(join(root, 'deploy/alerts.yml'), join(chart, 'files/alerts.yml'))
  const files = render()
  if (files === undefined) throw new Error('helm is not installed: https://helm.sh/docs/intro/install/')
  rmSync(target, { recursive: true, force: true })
  for (const [path, text] of files) {
    mkdirSync(dirname(join(target, path)), { recursive: true })
    writeFileSync(join(target, path), text)
  }
}

function check () {
  const rendered = render()
  const faults = []
  if (readFileSync(join(root, 'deploy/alerts.yml'), 'utf8') !== readFileSync(join(chart, 'files/alerts.yml'), 'utf8')) faults.push('deploy/alerts.yml is not the copy in the chart')
  for (const path of readdirSync(target, { recursive: true }).filter(name => name.endsWith('.yaml'))) {
    const text = readFileSync(join(target, path), 'utf8')
    if (!text.startsWith(head())) faults.push(`${path} is of another chart`)
    else if (rendered !== undefined && rendered.get(path) !== text) faults.push(`${path} is not what helm renders`)
  }
  if (faults.length > 0) {
    console.error(`${faults.join('\n')}\nRun: npm run manifests`)
    process.exitCode = 1
  }
}

/** @returns path below deploy/kubernetes/ → text; undefined where helm is not installed */
function render () {
  const { error, status, stdout, stderr } = spawnSync('helm', ['template', 'roomcast', chart, ...['httpRoute', 'podMonitor', 'prometheusRule'].flatMap(kind => ['--set', `${kind}.enabled=true`])], { encoding: 'utf8' })
  if (error !== undefined) return undefined
  if (status !== 0) throw new Error(stderr)
  const files = new Map()
  for (const document of stdout.split(/^---\n/m).filter(text => text.trim() !== '')) {
    const [, name = '', body = ''] = /^# Source: roomcast\/templates\/(\S+)\n([^]*)$/.exec(document) ?? []
    const path = join(folders[name] ?? '', name)
    files.set(path, files.has(path) ? `${files.get(path)}---\n${body.trim()}\n` : `${head()}${body.trim()}\n`)
  }
  return files
}

function head () {
  return `# Rendered from deploy/helm/roomcast by \`npm run manifests\`: change it there. Chart: ${digest()}\n`
}

function digest () {
  const hash = createHash('sha256')
  for (const path of readdirSync(chart, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name)).sort()) {
    hash.update(path.slice(chart.length)).update(readFileSync(path))
  }
  return hash.digest('hex').slice(0, 16)
}
