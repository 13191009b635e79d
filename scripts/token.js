// Makes a token: `JWT_SECRET=… npm run token -- --sub ann --can 'acme/*=subscribe,publish'`
import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { createSigner } from 'fast-jwt'

const USAGE = `JWT_SECRET=… npm run token -- --sub USER --can 'WORKSPACE/APP=ACTION,…' [--can …] [--name NAME] [--ttl SECONDS]
  WORKSPACE and APP: an id or *    ACTION: subscribe, publish, presence, manage    SECONDS: 3600 unless given`
const RESOURCE = /^(\*|[A-Za-z0-9_.-]{1,64})\/(\*|[A-Za-z0-9_.-]{1,64})$/
const ACTIONS = ['subscribe', 'publish', 'presence', 'manage']
const SECRET_BYTES = 32
const MAX_SECONDS = Number(process.env.TOKEN_MAX_SECONDS || 2_592_000)

try {
  console.log(sign(readOptions(), process.env.JWT_SECRET ?? ''))
} catch (error) {
  console.error(`${error.message}\n\n${USAGE}`)
  process.exitCode = 1
}

function readOptions () {
  const { values } = parseArgs({
    options: { sub: { type: 'string' }, can: { type: 'string', multiple: true, default: [] }, name: { type: 'string' }, ttl: { type: 'string', default: '3600' } }
  })
  if (!values.sub) throw new Error('--sub should be the id of a user or service')
  if (!/^[1-9]\d*$/.test(values.ttl) || Number(values.ttl) > MAX_SECONDS) throw new Error(`--ttl should be a whole number of seconds from 1 to ${MAX_SECONDS}`)
  return { sub: values.sub, name: values.name, seconds: Number(values.ttl), capabilities: readCapabilities(values.can) }
}

function readCapabilities (grants) {
  const capabilities = {}
  for (const grant of grants) {
    const [resource, list = ''] = grant.split('=', 2)
    const actions = list.split(',')
    if (!RESOURCE.test(resource)) throw new Error(`--can ${grant}: before the = should be WORKSPACE/APP, each an id or *`)
    if (!actions.every(action => ACTIONS.includes(action))) throw new Error(`--can ${grant}: after the = should be some of ${ACTIONS.join(', ')}`)
    capabilities[resource] = [...new Set([...capabilities[resource] ?? [], ...actions])]
  }
  return capabilities
}

function sign ({ sub, name, seconds, capabilities }, key) {
  if (Buffer.byteLength(key) < SECRET_BYTES) {
    throw new Error(`JWT_SECRET should be set to the secret of the service, at least ${SECRET_BYTES} bytes; \`openssl rand -hex 32\` makes one`)
  }
  const now = Math.floor(Date.now() / 1000)
  return createSigner({ key, algorithm: 'HS256' })({ sub, ...name !== undefined && { name }, jti: randomUUID(), iat: now, exp: now + seconds, capabilities })
}
