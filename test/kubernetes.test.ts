// The chart and the manifests rendered from it: schemas, settings, probes, ports and times fit Kubernetes, the service and each other.
import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { Settings } from '../services/settings.ts'
import { readSettings } from '../services/settings/read.ts'
import { pathOf, startInstance } from './helpers/index.ts'

const run = promisify(execFile)
const SECRET = 'x'.repeat(32)

type Labels = Record<string, string>

interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string, labels: Labels, annotations?: Labels }
  spec: Record<string, unknown>
}

interface Pod {
  automountServiceAccountToken: boolean
  terminationGracePeriodSeconds: number
  containers: Array<{
    ports: Array<{ name: string, containerPort: number }>
    envFrom: Array<{ secretRef: { name: string } }>
    env: Array<{ name: string, value?: string }>
    startupProbe: Probe
    livenessProbe: Probe
    readinessProbe: Probe
    lifecycle: { preStop: { sleep: { seconds: number } } }
  }>
}
interface Probe { httpGet: { path: string, port: string } }

async function readManifests (): Promise<Manifest[]> {
  const dir = pathOf('deploy/kubernetes')
  const files = (await readdir(dir, { recursive: true })).filter(name => name.endsWith('.yaml')).sort()
  const texts = await Promise.all(files.map(file => readFile(join(dir, file), 'utf8')))
  return texts.flatMap(text => parseAllDocuments(text).map(document => document.toJS() as Manifest))
}

const manifests = await readManifests()

function get (kind: string): Manifest {
  const found = manifests.find(manifest => manifest.kind === kind)
  if (found === undefined) throw new Error(`no ${kind}`)
  return found
}

test('the plain manifests are those of the chart', async t => {
  await t.resolves(run(process.execPath, [pathOf('scripts/manifests.js'), '--check']), 'by the digest of the chart, and by helm where it is installed')
  t.strictSame(manifests.map(({ kind }) => kind).sort(), [
    'Deployment', 'HTTPRoute', 'HorizontalPodAutoscaler', 'Ingress', 'NetworkPolicy', 'PodDisruptionBudget', 'PodMonitor', 'PrometheusRule', 'Service', 'ServiceAccount'
  ])
  if (!await run('helm', ['version']).then(() => true, () => false)) return
  await t.resolves(run('helm', ['lint', '--strict', pathOf('deploy/helm/roomcast')]))
  await t.rejects(run('helm', ['template', pathOf('deploy/helm/roomcast'), '--set', 'settings.JWT_SECRET=x']), 'a secret among the settings')
})

test('every manifest is of the schema of its kind, without a field that the schema does not know', async t => {
  const dir = t.testdir()
  // The types of Kubernetes and its extensions are the schemas; the compiler refuses a field that they do not have.
  const moduleOf = ({ apiVersion, kind }: Manifest) => {
    if (apiVersion.startsWith('monitoring.')) return [`@kubernetes-models/prometheus-operator/${apiVersion}/${kind}`, `I${kind}`]
    if (apiVersion.startsWith('gateway.')) return [`@kubernetes-models/gateway-api/${apiVersion}/${kind}`, `I${kind}`]
    return [`kubernetes-types/${apiVersion === 'v1' ? 'core/v1' : apiVersion.replace('.k8s.io', '')}`, kind]
  }
  const check = async (all: Manifest[]) => {
    const lines = all.map((manifest, i) => {
      const [module, type] = moduleOf(manifest)
      return `import type { ${type} as T${i} } from '${module}'\nexport const m${i}: T${i} = ${JSON.stringify(manifest)}\n`
    })
    await writeFile(join(dir, 'manifests.ts'), lines.join(''))
    const { stdout } = await run(process.execPath, [pathOf('node_modules/typescript/bin/tsc'), '--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--module', 'esnext',
      '--moduleResolution', 'bundler', '--target', 'es2022', join(dir, 'manifests.ts')]).catch((error: unknown) => error as { stdout: string })
    return stdout
  }
  t.equal(await check(manifests), '')
  const misspelt = manifests.map(({ spec, ...rest }) => ({ ...rest, spec: spec === undefined ? spec : { ...spec, misspelt: 1 } }) as Manifest)
  t.equal([...(await check(misspelt)).matchAll(/misspelt/g)].length, manifests.filter(({ spec }) => spec !== undefined).length, 'or it is told')
})

test('values.schema.json knows every value', async t => {
  const values = parse(await readFile(pathOf('deploy/helm/roomcast/values.yaml'), 'utf8')) as Record<string, object>
  const { properties } = JSON.parse(await readFile(pathOf('deploy/helm/roomcast/values.schema.json'), 'utf8')) as { properties: Record<string, { properties?: object }> }
  t.strictSame(Object.keys(values).filter(name => !Object.hasOwn(properties, name)), [])
  for (const [name, { properties: inner }] of Object.entries(properties)) {
    if (inner !== undefined) t.strictSame(Object.keys(inner).sort(), Object.keys(values[name] ?? {}).sort(), name)
  }
})

test('the values that operations.md sets are values of the chart, or settings', async t => {
  const values = parse(await readFile(pathOf('deploy/helm/roomcast/values.yaml'), 'utf8')) as Record<string, object>
  const [, section = ''] = /^## Kubernetes\n([^]*?)^## /m.exec(await readFile(pathOf('docs/operations.md'), 'utf8')) ?? []
  const set = [...section.matchAll(/--set ([\w.]+)=/g)].map(([, path = '']) => path.split('.') as [string, ...string[]])
  t.ok(set.length > 5)
  for (const [group, name] of set) {
    t.ok(group === 'settings' ? Object.hasOwn(Settings.properties, name ?? '') : Object.hasOwn(name === undefined ? values : values[group] ?? {}, name ?? group), `${group}.${name ?? ''}`)
  }
})

test('settings, probes, ports and times fit the service and each other', async t => {
  const { template, selector } = get('Deployment').spec as { template: { metadata: { labels: Labels }, spec: Pod }, selector: { matchLabels: Labels } }
  const [container] = template.spec.containers
  if (container === undefined) return t.fail('no container')

  const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value ?? 'roomcast-7d9c5b6f8d-x2x4z']))
  t.strictSame(Object.keys(env).filter(name => !Object.hasOwn(Settings.properties, name)), [])
  const settings = readSettings({ ...env, JWT_SECRET: SECRET })
  t.equal(settings.INSTANCE_NAME, 'roomcast-7d9c5b6f8d-x2x4z', 'a pod name is a name of an instance')
  t.equal(container.ports[0]?.containerPort, settings.PORT)
  t.strictSame(container.envFrom, [{ secretRef: { name: 'roomcast' } }], 'secrets by reference')
  t.equal(template.spec.automountServiceAccountToken, false)
  const needed = container.lifecycle.preStop.sleep.seconds + settings.DRAIN_DELAY_SECONDS + settings.DRAIN_SECONDS + settings.CLOSE_TIMEOUT_MS / 1000
  t.ok(template.spec.terminationGracePeriodSeconds > needed, `${template.spec.terminationGracePeriodSeconds} s to leave, ${needed} s needed`)

  const instance = await startInstance(t)
  await instance.ready()
  for (const { httpGet: { path, port } } of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
    t.equal((await fetch(instance.url + path)).status, 200, path)
    t.equal(port, container.ports[0]?.name)
  }
  t.equal(container.startupProbe.httpGet.path, '/livez')
  t.equal(container.livenessProbe.httpGet.path, '/livez')
  t.equal(container.readinessProbe.httpGet.path, '/readyz')

  const selected = [
    get('Service').spec.selector,
    ...[get('PodDisruptionBudget').spec.selector, get('PodMonitor').spec.selector, get('NetworkPolicy').spec.podSelector].map(found => (found as typeof selector).matchLabels)
  ]
  for (const labels of selected) t.strictSame(labels, selector.matchLabels)
  t.match(template.metadata.labels, selector.matchLabels)

  const scaler = get('HorizontalPodAutoscaler').spec
  t.equal((scaler.scaleTargetRef as { name: string }).name, get('Deployment').metadata.name)
  t.match(JSON.stringify(scaler.metrics), '"name":"roomcast_sockets"')
  const adapter = await readFile(pathOf('deploy/prometheus/adapter-values.yml'), 'utf8')
  t.match(adapter, 'roomcast_sockets{namespace!="",pod!=""}', 'prometheus-adapter serves it')
  const exposed = await (await fetch(`${instance.url}/metrics`)).text()
  t.match(exposed, /^roomcast_sockets /m)
})

test('outside, only what browsers need is open', async t => {
  const settings = readSettings({})
  const { metadata: { annotations }, spec } = get('Ingress')
  const annotation = (name: string) => annotations?.[`nginx.ingress.kubernetes.io/${name}`]
  for (const name of ['proxy-read-timeout', 'proxy-send-timeout']) {
    t.ok(Number(annotation(name)) * 1000 > settings.PING_INTERVAL_MS + settings.PING_TIMEOUT_MS, name)
  }
  t.equal(annotation('session-cookie-path'), settings.SOCKET_PATH)
  t.match(JSON.stringify(spec), '"secretName":"roomcast-tls"')
  const paths = (manifest: unknown, key: string) => [...JSON.stringify(manifest).matchAll(new RegExp(`"${key}":"(/[^"]*)"`, 'g'))].map(([, path = '']) => path)
  const open = paths(spec, 'path')
  t.ok(open.includes(settings.SOCKET_PATH))
  t.strictSame(paths(get('HTTPRoute').spec, 'value'), open, 'through the Gateway as through the Ingress')
  t.notOk(open.some(path => /metrics|publish|sessions|tokens|inspector|^\/$/.test(path)), 'internal routes stay inside')
})
