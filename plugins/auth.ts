// Verifies tokens for the HTTP and socket gateways.
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
  /** Requires a token on these routes. It is checked after the headers, after the body, and before data is sent. */
  protect (routes: FastifyInstance): void
  /** Signs a token with the random key of this run; undefined if a key is configured. */
  signDemo: ((claims: object) => string) | undefined
}

/** A symbol, because a host may have its own `identity` on requests. */
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
    // Until earlier commands are known, it is unknown which tokens are revoked.
    if (!commands.isCaughtUp()) throw new RoomcastError('broker/unavailable')
    assertNotRevoked(identity)
    request.setDecorator(IDENTITY, identity)
  }

  function assertNotRevoked (identity: Identity): void {
    if (commands.isRevoked(identity)) throw new RoomcastError('auth/token-revoked')
  }

  /** Checks the token again, because time has passed since the headers arrived. @returns the error that ends the request */
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
      // Answers of completed writes are still sent, but no data that was only read.
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

/** Creates one key of @fastify/jwt in its own scope, so that a host's @fastify/jwt is not affected. */
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

/** The identity of the caller, on a route that requires a token. */
export function identityOf (request: FastifyRequest): Identity {
  return request.getDecorator<Identity>(IDENTITY)
}

/** The token of an Authorization header; undefined if there is none. */
export function bearerToken (header: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(header ?? '')?.[1]
}
