// The same verification of tokens for both gateways.
import fastifyJwt, { type FastifyJWTOptions } from '@fastify/jwt'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { assertInTime, type Identity } from '../services/access/identity.ts'
import { createIssuerKeys } from '../services/access/issuer-keys.ts'
import { randomKey, settingsKeys, verifyOptions, type KeyMaterial } from '../services/access/keys.ts'
import { createTokens } from '../services/access/tokens.ts'
import { RoomcastError } from '../services/wire/errors.ts'
import type { Commands } from '../services/instances/commands.ts'
import type { Log } from '../services/observe/log.ts'
import type { Settings } from '../services/settings.ts'
import { shadow } from './scope.ts'

export interface Authenticator {
  /** @throws RoomcastError `auth/…` */
  verify (token: string): Promise<Identity>
  /** Every request of these routes needs a token, which counts when its headers come, when its body has come, and when what was read leaves. */
  protect (routes: FastifyInstance): void
  /** Signs a token with the random key of this run; undefined where a key is configured. */
  signDemo: ((claims: object) => string) | undefined
}

/** A symbol: a host may have an `identity` of its own on its requests. */
const IDENTITY = Symbol('identity')

export async function createAuthenticator (fastify: FastifyInstance, { settings, commands, log }: { settings: Settings, commands: Commands, log: Log }): Promise<Authenticator> {
  const isDemo = settings.JWT_SECRET === '' && settings.JWT_PUBLIC_KEY === '' && settings.JWT_JWKS_URL === ''
  const issuer = settings.JWT_JWKS_URL === '' ? undefined : createIssuerKeys(settings, log)
  fastify.addHook('onClose', async () => { issuer?.close() })
  const keys: Jwt[] = []
  for (const key of isDemo ? [randomKey()] : settingsKeys(settings)) keys.push(await createJwt(fastify, key, settings))
  const tokens = createTokens(issuer ?? keys.map(({ verify }) => ({ verify, isCurrent: () => true })), settings)

  async function authenticate (request: FastifyRequest): Promise<void> {
    const token = bearerToken(request.headers.authorization)
    if (token === undefined) throw new RoomcastError('auth/missing-token')
    const identity = await tokens.verify(token)
    // Without the commands given so far, nobody knows which tokens are revoked.
    if (!commands.isCaughtUp()) throw new RoomcastError('broker/unavailable')
    assertNotRevoked(identity)
    request.setDecorator(IDENTITY, identity)
  }

  function assertNotRevoked (identity: Identity): void {
    if (commands.isRevoked(identity)) throw new RoomcastError('auth/token-revoked')
  }

  /** Why the request may not go on: time has passed since its headers came. */
  function refusal (request: FastifyRequest): Error | undefined {
    const identity = identityOf(request)
    try {
      assertInTime(identity, settings)
      assertNotRevoked(identity)
    } catch (error) {
      return error as Error
    }
  }

  function onRead (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: (error: Error | null, payload?: unknown) => void): void {
    done(reply.statusCode < 400 ? refusal(request) ?? null : null, payload)
  }

  return {
    verify: tokens.verify,

    protect (routes) {
      routes.decorateRequest(IDENTITY)
      routes.addHook('onRequest', authenticate)
      routes.addHook('preHandler', (request, _reply, done) => done(refusal(request)))
      // What has been done is answered; what was only read is not handed over any more.
      routes.addHook('onRoute', route => {
        if (route.method === 'GET') route.preSerialization = onRead
      })
    },

    signDemo: isDemo ? keys[0]?.sign : undefined
  }
}

interface Jwt {
  verify: (token: string) => unknown
  sign: (claims: object) => string
}

/** One key of @fastify/jwt, in a scope of its own: a host's own @fastify/jwt stays as it is. */
async function createJwt (fastify: FastifyInstance, { key, algorithm }: KeyMaterial, settings: Settings): Promise<Jwt> {
  let jwt: Jwt | undefined
  await fastify.register(async scope => {
    shadow(scope, 'jwt')
    const secret = algorithm === 'HS256' ? key : { public: key, private: '' }
    await scope.register(fastifyJwt, { namespace: 'roomcast', secret, verify: verifyOptions(algorithm, settings) } as FastifyJWTOptions)
    jwt = (scope.jwt as unknown as { roomcast: Jwt }).roomcast
  })
  const { verify, sign } = jwt as unknown as Jwt
  return { verify: token => verify(token), sign: claims => sign(claims) }
}

/** Whose request it is, on a route that needs a token. */
export function identityOf (request: FastifyRequest): Identity {
  return request.getDecorator<Identity>(IDENTITY)
}

/** The token of an Authorization header; undefined where there is none. */
export function bearerToken (header: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(header ?? '')?.[1]
}
