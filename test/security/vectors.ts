// Attacks on JWS, in Wycheproof's classes, made for a key: all of them must be refused.
import { constants, createHmac, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { nowInSeconds, rawToken } from '../helpers/index.ts'

export interface Signer {
  algorithm: 'HS256' | 'RS256' | 'ES256' | 'EdDSA'
  /** What the service was given: a secret, or a public key in PEM. */
  known: string
  sign (input: string): Buffer
}

export function hmacSigner (secret: string): Signer {
  return { algorithm: 'HS256', known: secret, sign: input => hmac('sha256', secret, input) }
}

export function keyPairSigner (algorithm: 'RS256' | 'ES256' | 'EdDSA'): Signer & { privateKey: KeyObject } {
  const { publicKey, privateKey } = algorithm === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
  return {
    algorithm,
    known: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privateKey,
    sign: input => algorithm === 'EdDSA'
      ? sign(null, Buffer.from(input), privateKey)
      : sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  }
}

/** Everything that an honest token of these tests says. */
export function goodClaims (): Record<string, unknown> {
  return { sub: 'ann', iss: 'https://issuer.example', aud: 'roomcast', iat: nowInSeconds(), exp: nowInSeconds() + 3600, capabilities: { '*/*': ['subscribe', 'publish', 'presence', 'manage'] } }
}

/** Header and payload as given, signed as a token should be. */
export function signed (signer: Signer, header: object | string = {}, payload: object | string = goodClaims()): string {
  const input = unsigned(typeof header === 'string' ? header : { alg: signer.algorithm, typ: 'JWT', ...header }, payload)
  return `${input}.${signer.sign(input).toString('base64url')}`
}

/** Name → token. @param trap a URL that must never be called */
export function attacks (signer: Signer, trap: string): Map<string, string> {
  return new Map([
    ...wrongAlgorithms(signer), ...wrongKeys(signer, trap), ...alteredSignatures(signer), ...brokenForms(signer), ...wrongPayloads(signer)
  ])
}

function wrongAlgorithms (signer: Signer): Array<[string, string]> {
  const good = signed(signer)
  const signature = Buffer.from(good.split('.')[2] ?? '', 'base64url')
  const names: unknown[] = ['none', 'None', 'NONE', 'nOnE', '', 'HS1', 'RS1', 'ES256K', 'Ed448', null, 0, true, ['none'], [signer.algorithm], { alg: signer.algorithm }]
  return [
    ...names.flatMap((alg): Array<[string, string]> => [
      [`alg ${JSON.stringify(alg)} without a signature`, rawToken({ alg }, goodClaims())],
      [`alg ${JSON.stringify(alg)} with a signature`, rawToken({ alg }, goodClaims(), signature)]
    ]),
    ['no alg', rawToken({ typ: 'JWT' }, goodClaims(), signature)],
    ...(['sha256', 'sha384', 'sha512'] as const).flatMap((hash): Array<[string, string]> => {
      const alg = `HS${hash.slice(3)}`
      // What a service that mixes up HS and RS would take for the secret.
      const secrets = signer.algorithm === 'HS256' ? (hash === 'sha256' ? [] : [signer.known]) : [signer.known, signer.known.trim(), createPublicKey(signer.known).export({ type: 'spki', format: 'der' }), '']
      return secrets.map((secret, i) => [`${alg} with what is known as the secret, form ${i}`, signed({ algorithm: signer.algorithm, known: '', sign: input => hmac(hash, secret, input) }, { alg })])
    }),
    ...asymmetricVariants(signer)
  ]
}

/** The right key under an algorithm that is not pinned. */
function asymmetricVariants (signer: Signer): Array<[string, string]> {
  if (!('privateKey' in signer) || signer.algorithm !== 'RS256') return []
  const key = signer.privateKey as KeyObject
  const variant = (alg: string, hash: string, padding: number): [string, string] =>
    [`${alg} with the right key`, signed({ ...signer, sign: input => sign(hash, Buffer.from(input), { key, padding }) }, { alg })]
  return [variant('RS384', 'sha384', constants.RSA_PKCS1_PADDING), variant('RS512', 'sha512', constants.RSA_PKCS1_PADDING), variant('PS256', 'sha256', constants.RSA_PKCS1_PSS_PADDING)]
}

function wrongKeys (signer: Signer, trap: string): Array<[string, string]> {
  const other = keyPairSigner('RS256')
  const stolen = hmacSigner('a secret that somebody made up, 32 bytes')
  const empty = hmacSigner('')
  const jwk = createPublicKey(other.known).export({ format: 'jwk' })
  const kids = ['../../../../../../dev/null', '/dev/null', '/etc/passwd', "' UNION SELECT 'a", '__proto__', 'constructor', 'x'.repeat(4000)]
  return [
    ...[keyPairSigner('RS256'), keyPairSigner('ES256'), keyPairSigner('EdDSA'), stolen, empty].map((key): [string, string] =>
      [`another key, ${key.algorithm} ${key.known === '' ? 'empty' : ''}`, signed(key)]),
    ...kids.flatMap((kid): Array<[string, string]> => [
      [`kid ${kid.slice(0, 30)} and an empty secret`, signed(empty, { kid })],
      [`kid ${kid.slice(0, 30)} and another key`, signed(other, { kid })]
    ]),
    ['kid that is no text', signed(stolen, { kid: { toString: 'x' } })],
    ['jwk in the header', signed(other, { jwk })],
    ['jwk in the header, as a symmetric key', signed(stolen, { jwk: { kty: 'oct', k: Buffer.from(stolen.known).toString('base64url') } })],
    ['jku in the header', signed(other, { jku: `${trap}/jwks.json` })],
    ['x5u in the header', signed(other, { x5u: `${trap}/cert.pem` })],
    ['x5c in the header', signed(other, { x5c: [Buffer.from(other.known).toString('base64')] })]
  ]
}

function alteredSignatures (signer: Signer): Array<[string, string]> {
  const good = signed(signer)
  const [header = '', payload = '', text = ''] = good.split('.')
  const signature = Buffer.from(text, 'base64url')
  const flipped = (index: number) => Buffer.from(signature.map((byte, i) => i === index ? byte ^ 1 : byte))
  const variants: Array<[string, Buffer]> = [
    ['empty', Buffer.alloc(0)],
    ['truncated by a byte', signature.subarray(0, -1)],
    ['truncated by half', signature.subarray(0, signature.length / 2)],
    ['without its first byte', signature.subarray(1)],
    ['altered in its first byte', flipped(0)],
    ['altered in its last byte', flipped(signature.length - 1)],
    ['longer by a byte', Buffer.concat([signature, Buffer.from([0])])],
    ['twice', Buffer.concat([signature, signature])],
    ['all zeros', Buffer.alloc(signature.length)],
    ['all ones', Buffer.alloc(signature.length, 0xff)],
    ['in reverse', Buffer.from(signature).reverse()]
  ]
  const other = signed(signer, {}, { ...goodClaims(), sub: 'eve' }).split('.')
  return [
    ...variants.map(([name, bytes]): [string, string] => [`signature ${name}`, `${header}.${payload}.${bytes.toString('base64url')}`]),
    ["signature of another token's payload", `${header}.${other[1]}.${text}`],
    ['signature of this token under another header', `${Buffer.from(JSON.stringify({ alg: signer.algorithm, x: 1 })).toString('base64url')}.${payload}.${text}`],
    ...(signer.algorithm === 'ES256' && 'privateKey' in signer
      ? [['signature in DER', `${header}.${payload}.${sign('sha256', Buffer.from(`${header}.${payload}`), signer.privateKey as KeyObject).toString('base64url')}`] as [string, string]]
      : [])
  ]
}

function brokenForms (signer: Signer): Array<[string, string]> {
  const good = signed(signer)
  const [header = '', payload = '', signature = ''] = good.split('.')
  return [
    ['one part', header], ['two parts', `${header}.${payload}`], ['four parts', `${good}.${signature}`], ['five parts', `${good}..${signature}`],
    ['dots only', '..'], ['a dot in front', `.${good}`], ['a dot at the end', `${good}.`],
    ['JSON serialization', JSON.stringify({ payload, protected: header, signature })],
    ['header that is no JSON', signed(signer, 'x')], ['header null', signed(signer, 'null')], ['header array', signed(signer, '[]')], ['header text', signed(signer, '"HS256"')],
    ['header empty', `.${payload}.${signature}`], ['payload empty', `${header}..${signature}`],
    ['critical extension that is not understood', signed(signer, { crit: ['x-unknown'], 'x-unknown': 1 })],
    ['unencoded payload', signed(signer, { b64: false, crit: ['b64'] })],
    ['no text of base64', `${header}.*${payload}.${signature}`]
  ]
}

function wrongPayloads (signer: Signer): Array<[string, string]> {
  const now = nowInSeconds()
  const claims = (changes: Record<string, unknown>) => signed(signer, {}, { ...goodClaims(), ...changes })
  const without = (name: string) => signed(signer, {}, Object.fromEntries(Object.entries(goodClaims()).filter(([claim]) => claim !== name)))
  return [
    ...['[]', '[{"sub":"ann"}]', 'null', '"ann"', '1', 'true', 'x', '{', ''].map((payload): [string, string] => [`payload ${payload}`, signed(signer, {}, payload)]),
    ['payload an array that holds the claims', signed(signer, {}, [goodClaims()])],
    ...['exp', 'sub', 'iss', 'aud'].map((name): [string, string] => [`no ${name}`, without(name)]),
    ...[null, '', 0, {}, [], 'x'.repeat(257)].map((sub): [string, string] => [`sub ${JSON.stringify(sub).slice(0, 20)}`, claims({ sub })]),
    ...[null, '9999999999', {}, [now + 60], true, 1e300].map((exp): [string, string] => [`exp ${JSON.stringify(exp)}`, claims({ exp })]),
    ...['https://other.example', null, ['https://other.example'], 'https://issuer.example/'].map((iss): [string, string] => [`iss ${JSON.stringify(iss)}`, claims({ iss })]),
    ...['other', null, [], ['other'], 'Roomcast', 'roomcast2'].map((aud): [string, string] => [`aud ${JSON.stringify(aud)}`, claims({ aud })]),
    ['exp beyond TOKEN_MAX_SECONDS', claims({ exp: now + 2_592_000 + 60 })],
    ...[null, 'later', {}, [now], -1].map((nbf): [string, string] => [`nbf ${JSON.stringify(nbf)}`, claims({ nbf })]),
    ...[null, '*/*', ['*/*'], { '*/*': 'manage' }, { '*/*': [1] }, { '*/*': null }].map((capabilities): [string, string] => [`capabilities ${JSON.stringify(capabilities)}`, claims({ capabilities })]),
    ['jti that is no text', claims({ jti: ['x'] })], ['iat that is no number', claims({ iat: 'now' })]
  ]
}

function hmac (hash: string, secret: string | Buffer, input: string): Buffer {
  return createHmac(hash, secret).update(input).digest()
}

function unsigned (header: object | string, payload: object | string): string {
  return rawToken(header, payload).slice(0, -1)
}
