import { randomUUID } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import { Action, type Capabilities } from '../../services/access/capabilities.ts'
import { readSettings } from '../../services/settings/read.ts'
import type { Result } from '../../services/wire/protocol.ts'
import { readText } from '../arguments.ts'
import { CommandError, defineCommand } from '../command.ts'
import { askOffline } from '../offline.ts'
import { decodeToken, tokenText } from '../token-text.ts'

const RESOURCE = /^(\*|[A-Za-z0-9_.-]{1,64})\/(\*|[A-Za-z0-9_.-]{1,64})$/
const ACTIONS: string[] = Action.anyOf.map(action => action.const)
const DEFAULT_SECONDS = 3600

interface Grant {
  sub?: string | undefined
  can?: string[] | undefined
  name?: string | undefined
  ttl?: string | undefined
}

export default defineCommand({
  summary: 'Makes a token, signed with JWT_SECRET; --decode and --check show what a token allows.',
  args: ['[TOKEN]'],
  options: {
    sub: { type: 'string', value: 'USER', help: 'id of the user or service' },
    can: { type: 'string', multiple: true, value: 'ROOM=ACTION,…', help: `what the token allows in which room; ACTION: ${ACTIONS.join(', ')}` },
    name: { type: 'string', value: 'NAME', help: 'name shown to collaborators' },
    ttl: { type: 'string', value: 'SECONDS', help: `lifetime; default: ${DEFAULT_SECONDS}` },
    decode: { type: 'boolean', help: 'describes TOKEN without checking it' },
    check: { type: 'boolean', help: 'the same, and checks whether a service with these settings accepts it' }
  },
  notes: `  roomcast token --sub ann --can 'acme/*=subscribe,publish' --can 'acme/board-1=presence'    ROOM: WORKSPACE/APP, each an id or *
  roomcast token --check TOKEN    TOKEN as - comes from the standard input; without one, ROOMCAST_TOKEN counts`,
  async run ({ decode = false, check = false, ...grant }, [given]) {
    if (!decode && !check) {
      if (given !== undefined) throw new CommandError('to read a token, add --decode or --check')
      return console.log(make(grant))
    }
    const token = readText(given ?? process.env['ROOMCAST_TOKEN'] ?? '')
    const identity = decodeToken(token)
    if (check) await assertAccepted(token)
    console.log(`${check ? 'A service with these settings accepts it, unless it was revoked.\n' : ''}${tokenText(identity)}`)
  }
})

function make ({ sub, can = [], name, ttl = String(DEFAULT_SECONDS) }: Grant): string {
  // Reads only these settings, because making tokens needs no others.
  const { JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE, TOKEN_MAX_SECONDS, TOKEN_EXPIRING_SECONDS } = process.env
  const settings = readSettings({ JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE, TOKEN_MAX_SECONDS, TOKEN_EXPIRING_SECONDS })
  if (sub === undefined || sub === '') throw new CommandError('--sub should be the id of a user or service')
  if (!/^[1-9]\d*$/.test(ttl) || Number(ttl) > settings.TOKEN_MAX_SECONDS) throw new CommandError(`--ttl should be a whole number of seconds from 1 to ${settings.TOKEN_MAX_SECONDS}`)
  const capabilities = readCapabilities(can)
  if (settings.JWT_SECRET === '') throw new CommandError('JWT_SECRET should be set to the secret of the service, at least 32 bytes; `openssl rand -hex 32` makes one')
  const iat = Math.floor(Date.now() / 1000)
  return createSigner({ key: settings.JWT_SECRET, algorithm: 'HS256' })({
    sub,
    ...name !== undefined && { name },
    jti: randomUUID(),
    iat,
    exp: iat + Number(ttl),
    ...settings.JWT_ISSUER !== '' && { iss: settings.JWT_ISSUER },
    ...settings.JWT_AUDIENCE !== '' && { aud: settings.JWT_AUDIENCE },
    capabilities
  })
}

function readCapabilities (grants: string[]): Capabilities {
  const capabilities: Capabilities = {}
  for (const grant of grants) {
    const [resource = '', list = ''] = grant.split('=', 2)
    const actions = list.split(',')
    if (!RESOURCE.test(resource)) throw new CommandError(`--can ${grant}: the part before = should be WORKSPACE/APP, each an id or *`)
    if (!actions.every(action => ACTIONS.includes(action))) throw new CommandError(`--can ${grant}: the part after = should list actions out of ${ACTIONS.join(', ')}`)
    capabilities[resource] = [...new Set([...capabilities[resource] ?? [], ...actions])]
  }
  return capabilities
}

/** Checks the token with the service's own code. Revocations are known only to a running service. */
async function assertAccepted (token: string): Promise<void> {
  const { JWT_SECRET, JWT_PUBLIC_KEY, JWT_JWKS_URL } = process.env
  if (!JWT_SECRET && !JWT_PUBLIC_KEY && !JWT_JWKS_URL) throw new CommandError('no key is set: set JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL as for the service, or use --decode')
  const { error } = await askOffline<Result<unknown>>('/api/v1/workspaces/any/apps/any/presence', process.env, { authorization: `Bearer ${token}` })
  if (error !== null && error.code.startsWith('auth/') && error.code !== 'auth/forbidden') throw new CommandError(`${error.code}: ${error.message}`)
}
