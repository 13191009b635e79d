// Keys with which others can sign: refused at boot and from the issuer, with the rule that they break.
import { createHash, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { test } from 'tap'
import { eventually, startInstance } from '../helpers/index.ts'
import { startIssuer } from './issuer.ts'
import { keyPairSigner, signed, type Signer } from './vectors.ts'
import { ACCEPTED, both, verdicts } from './verdicts.ts'

const good = keyPairSigner('RS256')
const modulus = createPublicKey(good.known).export({ format: 'jwk' }).n ?? ''

const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()
const rsa = (modulusLength: number, publicExponent = 65_537): Signer => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent })
  return { algorithm: 'RS256', known: pem(publicKey), sign: input => sign('sha256', Buffer.from(input), privateKey) }
}

/** Whoever knows the modulus can sign: the signature is the padded digest itself. */
const exponentOne: Signer = {
  algorithm: 'RS256',
  known: pem(createPublicKey({ format: 'jwk', key: { kty: 'RSA', n: modulus, e: 'AQ' } })),
  sign (input) {
    const digest = Buffer.concat([Buffer.from('3031300d060960864801650304020105000420', 'hex'), createHash('sha256').update(input).digest()])
    return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(256 - 3 - digest.length, 0xff), Buffer.from([0]), digest])
  }
}
const exponentEven: Signer = { ...exponentOne, known: pem(createPublicKey({ format: 'jwk', key: { kty: 'RSA', n: modulus, e: 'AQAA' } })) }

/** A point of which every multiple is known: one signature fits every message. */
const smallOrder = (x: string): Signer => ({
  algorithm: 'EdDSA',
  known: pem(createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(x, 'hex').toString('base64url') } })),
  sign: () => Buffer.concat([Buffer.from([1]), Buffer.alloc(63)])
})
const NEUTRAL = `01${'00'.repeat(31)}`

const weak: Array<[string, Signer, RegExp]> = [
  ['RSA of 512 bits', rsa(512), /RSA.*2048 bits/],
  ['RSA of 1024 bits', rsa(1024), /RSA.*2048 bits/],
  ['RSA of 2040 bits', rsa(2040), /RSA.*2048 bits/],
  ['RSA with the exponent 1', exponentOne, /exponent.*65537/],
  ['RSA with the exponent 3', rsa(2048, 3), /exponent.*65537/],
  ['RSA with the exponent 65536', exponentEven, /exponent.*65537/],
  ['Ed25519 with the neutral point', smallOrder(NEUTRAL), /Ed25519.*small order/],
  ['Ed25519 with a point of order 8, its sign flipped', smallOrder('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa'), /Ed25519.*small order/]
]

for (const [name, signer, rule] of weak) {
  test(`JWT_PUBLIC_KEY: ${name} is refused at boot, and the message says why`, async t => {
    await t.rejects(startInstance(t, { JWT_SECRET: '', JWT_PUBLIC_KEY: signer.known }), { message: rule })
  })
}

test('JWT_PUBLIC_KEY: P-384 and what is no key are refused at boot', async t => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  for (const text of [pem(publicKey), 'no key']) {
    await t.rejects(startInstance(t, { JWT_SECRET: '', JWT_PUBLIC_KEY: text }), { message: /JWT_PUBLIC_KEY should be a public key in PEM/ })
  }
})

test('JWKS: weak keys of the issuer are refused for good and named in the log, strong ones beside them serve', async t => {
  const issuer = await startIssuer(t)
  const keys = Object.fromEntries(weak.map(([, signer], n) => [`weak-${n}`, signer]))
  issuer.publish({ ...keys, good })
  const instance = await startInstance(t, { JWT_SECRET: '', JWT_JWKS_URL: issuer.url, JWKS_REFETCH_SECONDS: '600' })
  await eventually(async () => (await verdicts(t, instance.url, signed(good, { kid: 'good' }))).http === 'accepted')
  const line = instance.output().split('\n').find(line => line.includes('too weak')) ?? '{"keys":[]}'
  const { keys: refused } = JSON.parse(line) as { keys: Array<{ kid: string, weakness: string }> }
  for (const [n, [name, signer, rule]] of weak.entries()) {
    t.strictSame(await verdicts(t, instance.url, signed(signer, { kid: `weak-${n}` })), both('auth/invalid-token'), name)
    t.match(refused.find(({ kid }) => kid === `weak-${n}`)?.weakness, rule, `${name}: the log says why`)
  }
  t.strictSame(await verdicts(t, instance.url, signed(good, { kid: 'good' })), ACCEPTED)
  t.equal(issuer.requests(), 1, 'and the issuer is not asked for them again')
})
