// fastify.authenticator: the same verification of tokens for both doors.
import fastifyJwt, { type FastifyJWTOptions } from '@fastify/jwt'
import fp from 'fastify-plugin'
import type { FastifyRequest } from 'fastify'
import { RoomcastError } from '../services/wire/errors.ts'
import { MAX_TOKEN_BYTES, readIdentity, type Identity } from '../services/access/identity.ts'
import { createIssuerKeys, randomKey, staticKeys, type IssuerKeys, type VerificationKey } from '../services/access/keys.ts'

export interface Authenticator {
  /** @throws RoomcastError `auth/…` */
  verify (token: string): Promise<Identity>
  /** The bearer of an HTTP request; also checks that the token was not revoked. */
  authenticate (request: FastifyRequest): Promise<void>
  /** Signs a token with the random key of this run; undefined where a key is configured. */
  signDemo: ((claims: object) => string) | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    authenticator: Authenticator
  }
  interface FastifyRequest {
    /** Whose request it is; set on routes that need a token. */
    identity: Identity
  }
}

/** A namespace of our own: the host's @fastify/jwt, if any, stays as it is. */
const NAMESPACE = 'roomcast'

interface Jwt {
  verify: (token: string, options?: object) => unknown
  decode: (token: string, options: object) => { header: { alg: string, kid?: string } }
  sign: (claims: object) => string
}

export default fp(async fastify => {
  const { settings, log } = fastify
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
      if (!fastify.commands.isCaughtUp()) throw new RoomcastError('broker/unavailable')
      if (fastify.commands.isRevoked(identity)) throw new RoomcastError('auth/token-revoked')
      request.identity = identity
    },

    signDemo: isDemo ? claims => jwt.sign(claims) : undefined
  }
  fastify.decorate('authenticator', authenticator)
}, { name: 'auth', fastify: '5.x', dependencies: ['settings', 'commands'] })

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
