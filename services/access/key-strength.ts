// Refuses weak public keys: keys with which someone other than their owner could sign.
import type { KeyObject } from 'node:crypto'

const LEAST_RSA_BITS = 2048
const LEAST_RSA_EXPONENT = 65_537n

/** Ed25519 points of small order, with the sign bit cleared. A signature for such a key can be guessed. */
const SMALL_ORDER_POINTS = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'
])

/**
 * Names the rule that a public key breaks; undefined for a strong key. Curves are checked where algorithms are pinned.
 */
export function weaknessOf (key: KeyObject): string | undefined {
  const { asymmetricKeyType, asymmetricKeyDetails: { modulusLength = 0, publicExponent = 0n } = {} } = key
  if (asymmetricKeyType === 'rsa') {
    if (modulusLength < LEAST_RSA_BITS) return `an RSA key should have at least ${LEAST_RSA_BITS} bits, this one has ${modulusLength}`
    if (publicExponent < LEAST_RSA_EXPONENT || publicExponent % 2n === 0n) {
      return `the exponent of an RSA key should be odd and at least ${LEAST_RSA_EXPONENT}, this one is ${publicExponent}`
    }
  }
  if (asymmetricKeyType === 'ed25519' && SMALL_ORDER_POINTS.has(pointOf(key))) return 'an Ed25519 key should not be a point of small order'
}

function pointOf (key: KeyObject): string {
  const point = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url')
  point.writeUInt8(point.readUInt8(31) & 0x7f, 31)
  return point.toString('hex')
}
