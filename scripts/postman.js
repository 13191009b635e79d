// Writes the Postman collection from the OpenAPI document of a service that it starts, with a real answer for each request.
// With --check, fails if the collection is stale.
import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { setTimeout as pause } from 'node:timers/promises'
import { createSigner } from 'fast-jwt'

const file = new URL('../docs/postman/roomcast.postman_collection.json', import.meta.url)
const deadline = AbortSignal.timeout(30_000)
const METRICS_LINES = 12

const key = randomBytes(32).toString('hex')
const variables = { baseUrl: 'http://127.0.0.1:3000', token: '', workspaceId: 'acme', appId: 'board-1', userId: 'ann' }
const token = createSigner({ key, expiresIn: 60_000 })({ sub: 'svc-postman', capabilities: { '*/*': ['subscribe', 'publish', 'presence', 'manage'] } })

const port = await freePort()
const service = spawn(process.execPath, [fileURLToPath(new URL('../dist/server.js', import.meta.url))], {
  env: { PATH: process.env.PATH, NODE_ENV: 'test', HOST: '127.0.0.1', PORT: String(port), LOG_LEVEL: 'error', JWT_SECRET: key },
  stdio: ['ignore', 'inherit', 'inherit']
})
const exited = once(service, 'exit')
try {
  const baseUrl = `http://127.0.0.1:${port}`
  await ready(baseUrl)
  const collection = await collectionOf(await (await fetch(`${baseUrl}/openapi.json`)).json(), { ...variables, baseUrl, token })
  if (process.argv.includes('--check')) {
    const stored = JSON.parse(readFileSync(file, 'utf8'))
    if (shape(stored) !== shape(collection)) {
      console.error('docs/postman/roomcast.postman_collection.json is stale: run "npm run docs"')
      process.exitCode = 1
    }
  } else {
    writeFileSync(file, `${JSON.stringify(collection, undefined, 2)}\n`)
  }
} finally {
  service.kill('SIGKILL')
  await exited
}

async function collectionOf ({ info, paths, tags }, values) {
  const folders = new Map(tags.map(({ name, description }) => [name, { name, description, item: [] }]))
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      folders.get(operation.tags[0]).item.push(await itemOf(path, method.toUpperCase(), operation, values))
    }
  }
  return {
    info: { name: 'Roomcast', description: info.description, version: info.version, schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json' },
    auth: { type: 'bearer', bearer: [{ key: 'token', value: '{{token}}', type: 'string' }] },
    variable: Object.entries(variables).map(([key, value]) => ({ key, value, type: 'string' })),
    item: [...folders.values()]
  }
}

async function itemOf (path, method, { summary, description, security, parameters = [], requestBody }, values) {
  const of = place => parameters.filter(parameter => parameter.in === place)
  const query = of('query').map(({ name, required, example, description }) => ({
    key: name, value: name in variables ? `{{${name}}}` : String(example), description, disabled: name !== 'limit' && required !== true
  }))
  const enabled = query.filter(({ disabled }) => !disabled).map(({ key, value }) => `${key}=${value}`).join('&')
  const segments = path.slice(1).replaceAll(/\{(\w+)\}/g, '{{$1}}').split('/')
  const example = requestBody?.content['application/json'].example
  const request = {
    method,
    description: description ?? summary,
    ...security.length === 0 ? { auth: { type: 'noauth' } } : {},
    header: [
      ...example === undefined ? [] : [{ key: 'Content-Type', value: 'application/json' }],
      ...of('header').map(({ name, example, description }) => ({ key: name, value: example, description, disabled: true }))
    ],
    url: { raw: `{{baseUrl}}/${segments.join('/')}${enabled === '' ? '' : `?${enabled}`}`, host: ['{{baseUrl}}'], path: segments, ...query.length > 0 ? { query } : {} },
    ...example === undefined ? {} : { body: { mode: 'raw', raw: withVariables(example), options: { raw: { language: 'json' } } } }
  }
  const answer = await send(request, values)
  return {
    name: summary,
    event: [{ listen: 'test', script: { type: 'text/javascript', exec: [`pm.test('answers ${answer.code}', () => pm.response.to.have.status(${answer.code}))`] } }],
    request,
    response: [{ name: 'Success', originalRequest: request, ...answer }]
  }
}

async function send ({ method, header, url, body }, values) {
  const fill = text => text.replaceAll(/\{\{(\$?\w+)\}\}/g, (_, name) => name === '$guid' ? randomUUID() : values[name])
  const response = await fetch(fill(url.raw), {
    method,
    headers: { authorization: `Bearer ${values.token}`, ...Object.fromEntries(header.filter(({ disabled }) => !disabled).map(({ key, value }) => [key, value])) },
    signal: deadline,
    ...body === undefined ? {} : { body: fill(body.raw) }
  })
  const text = await response.text()
  const type = response.headers.get('content-type')
  const isJson = type.includes('json')
  if (!response.ok) throw new Error(`${method} ${url.raw} answered ${response.status}: ${text}`)
  return {
    status: response.statusText,
    code: response.status,
    _postman_previewlanguage: isJson ? 'json' : 'text',
    header: [{ key: 'Content-Type', value: type }],
    body: isJson ? JSON.stringify(JSON.parse(text), undefined, 2) : [...text.split('\n').slice(0, METRICS_LINES), '…'].join('\n')
  }
}

/** The example, with variables for room and user. Ids are new each time, because a repeated id publishes nothing. */
function withVariables (example) {
  const name = (key, value) => key in variables ? `{{${key}}}` : key === 'id' ? '{{$guid}}' : value
  return JSON.stringify(example, name, 2)
}

/** The collection without values that differ between runs: answers keep only the names of their fields. */
function shape (collection) {
  return JSON.stringify(collection, (key, value) => key === 'body' && typeof value === 'string' ? value.match(/"\w+":/g) : value)
}

async function ready (baseUrl) {
  for (;;) {
    const isReady = await fetch(`${baseUrl}/readyz`, { signal: deadline }).then(({ ok }) => ok, () => false)
    if (isReady) return
    deadline.throwIfAborted()
    if (service.exitCode !== null) throw new Error('the service ended')
    await pause(100)
  }
}

async function freePort () {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
