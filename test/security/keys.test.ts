// Keys that stand in the settings, each with its own algorithm, and their rotation.
import { test } from 'tap'
import { startInstance, TEST_SECRET, token } from '../helpers/index.ts'
import { hmacSigner, keyPairSigner, signed } from './vectors.ts'
import { ACCEPTED, both, verdicts } from './verdicts.ts'

const NEW_SECRET = 'the secret after the rotation, over 32 characters'
const [first, second, third] = [keyPairSigner('RS256'), keyPairSigner('ES256'), keyPairSigner('EdDSA')]

for (const signer of [first, second, third]) {
  test(`JWT_PUBLIC_KEY serves ${signer.algorithm}, and pins it`, async t => {
    const { url } = await startInstance(t, { JWT_SECRET: '', JWT_PUBLIC_KEY: signer.known })
    t.strictSame(await verdicts(t, url, signed(signer)), ACCEPTED)
    for (const other of [first, second, third].filter(other => other !== signer)) t.strictSame(await verdicts(t, url, signed(other)), both('auth/invalid-token'))
    t.strictSame(await verdicts(t, url, signed(hmacSigner(signer.known))), both('auth/invalid-token'))
  })
}

test('JWT_SECRET_PREVIOUS: tokens of the secret before and of the new one are good, of a third are not', async t => {
  const { url } = await startInstance(t, { JWT_SECRET: NEW_SECRET, JWT_SECRET_PREVIOUS: TEST_SECRET })
  t.strictSame(await verdicts(t, url, token()), ACCEPTED)
  t.strictSame(await verdicts(t, url, token({}, { key: NEW_SECRET })), ACCEPTED)
  t.strictSame(await verdicts(t, url, token({}, { key: 'a third secret, of more than 32 characters' })), both('auth/invalid-token'))
  t.strictSame(await verdicts(t, url, token({ exp: 1 })), both('auth/token-expired'))
  t.strictSame(await verdicts(t, url, token({}, { key: NEW_SECRET, algorithm: 'HS512' })), both('auth/invalid-token'))
})
