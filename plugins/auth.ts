// The same verification of tokens for both gateways.
import fastifyJwt, { type FastifyJWTOptions } from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RoomcastError } from '../services/wire/errors.ts'
import { MAX_TOKEN_BYTES, readIdentity, type Identity } from '../services/access/identity.ts'
import { createIssuerKeys, randomKey, staticKeys, type IssuerKeys, type VerificationKey } from '../services/access/keys.ts'
import type { Commands } from '../services/instances/commands.ts'
import type { Log } from '../services/observe/log.ts'
import type { Settings } from '../services/settings.ts'
import { shadow } from './scope.ts'

export interface Authenticator {
  /** @throws RoomcastError `auth/…` */
  verify (token: string): Promise<Identity>
  /** The bearer of an HTTP request; also checks that the token was not revoked. */
  authenticate (request: FastifyRequest): Promise<void>
  /** Signs a token with the random key of this run; undefined where a key is configured. */
  signDemo: ((claims: object) => string) | undefined
}

const NAMESPACE = 'roomcast'
/** A symbol: a host may have an `identity` of its own on its requests. */
const IDENTITY = Symbol('identity')

interface Jwt {
  verify: (token: string, options?: object) => unknown
  decode: (token: string, options: object) => { header: { alg: string, kid?: string } }
  sign: (claims: object) => string
}

export async function createAuthenticator (fastify: FastifyInstance, { settings, commands, log }: { settings: Settings, commands: Commands, log: Log }): Promise<Authenticator> {
  shadow(fastify, 'jwt')
  fastify.decorateRequest(IDENTITY)
  const isDemo = settings.JWT_SECRET === '' && settings.JWT_PUBLIC_KEY === '' && settings.JWT_JWKS_URL === ''
  const keys = isDemo ? [randomKey()] : staticKeys(settings)
  const issuer = settings.JWT_JWKS_URL === '' ? undefined : createIssuerKeys(settings, log)
  fastify.addHook('onClose', async () => { issuer?.close() })

  const [current, previous] = keys
  const jwt = await register(NAMESPACE, current)
  const jwtPrevious = previous === undefined ? undefined : await register(`${NAMESPACE}Previous`, previous)

  async function register (namespace: string, key: VerificationKey | undefined): Promise<Jwt> {
    // Without a key of our own, each token is verified with the one that the issuer publishes for it.
    const secret = key === undefined ? async () => '' : isSymmetric(key) ? key.key : { public: key.key, private: '' }
    await fastify.register(fastifyJwt, {
      namespace, secret, verify: verifyOptions(key?.algorithms ?? ['RS256', 'ES256', 'EdDSA'])
    } as FastifyJWTOptions)
    return (fastify.jwt as unknown as Record<string, Jwt>)[namespace] as Jwt
  }

  function verifyOptions (algorithms: string[]) {
    const { JWT_ISSUER, JWT_AUDIENCE } = settings
    return {
      algorithms,
      // fast-jwt lets a token pass that lacks `iss` or `aud`, unless they are required.
      requiredClaims: ['sub', 'exp', ...JWT_ISSUER === '' ? [] : ['iss'], ...JWT_AUDIENCE === '' ? [] : ['aud']],
      ...JWT_ISSUER === '' ? {} : { allowedIss: JWT_ISSUER },
      ...JWT_AUDIENCE === '' ? {} : { allowedAud: JWT_AUDIENCE }
    }
  }

  async function verifyClaims (token: string): Promise<unknown> {
    if (issuer !== undefined) return await verifyByIssuer(token, issuer)
    try {
      return jwt.verify(token)
    } catch (error) {
      if (jwtPrevious === undefined || isExpired(error)) throw error
      return jwtPrevious.verify(token)
    }
  }

  async function verifyByIssuer (token: string, { find }: IssuerKeys): Promise<unknown> {
    const { header } = jwt.decode(token, { complete: true })
    const { key, algorithms } = await find(header)
    return jwt.verify(token, { ...verifyOptions(algorithms), key })
  }

  const authenticator: Authenticator = {
    async verify (token) {
      if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) throw new RoomcastError('auth/invalid-token', `The token has more than ${MAX_TOKEN_BYTES} bytes: get a smaller one.`)
      let claims: unknown
      try {
        claims = await verifyClaims(token)
      } catch (error) {
        if (error instanceof RoomcastError) throw error
        throw new RoomcastError(isExpired(error) ? 'auth/token-expired' : 'auth/invalid-token', undefined, { cause: error })
      }
      return readIdentity(claims, settings.TOKEN_MAX_SECONDS)
    },

    async authenticate (request) {
      const token = bearerToken(request.headers.authorization)
      if (token === undefined) throw new RoomcastError('auth/missing-token')
      const identity = await authenticator.verify(token)
      // Without the commands given so far, nobody knows which tokens are revoked.
      if (!commands.isCaughtUp()) throw new RoomcastError('broker/unavailable')
      if (commands.isRevoked(identity)) throw new RoomcastError('auth/token-revoked')
      request.setDecorator(IDENTITY, identity)
    },

    signDemo: isDemo ? claims => jwt.sign(claims) : undefined
  }
  return authenticator
}

/** Whose request it is, on a route that needs a token. */
export function identityOf (request: FastifyRequest): Identity {
  return request.getDecorator<Identity>(IDENTITY)
}

/** The token of an Authorization header; undefined where there is none. */
export function bearerToken (header: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(header ?? '')?.[1]
}

function isSymmetric ({ algorithms }: VerificationKey): boolean {
  return algorithms.includes('HS256')
}

function isExpired (error: unknown): boolean {
  return (error as { code?: string }).code === 'FAST_JWT_EXPIRED'
}
