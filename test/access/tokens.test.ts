// A token is verified once, and checked at every use.
import { mock } from 'node:test'
import { test, type Test } from 'tap'
import { createIssuerKey, settingsKeys, type KeyMaterial, type TokenKey } from '../../services/access/keys.ts'
import { createTokens } from '../../services/access/tokens.ts'
import { readSettings } from '../../services/settings/read.ts'
import { nowInSeconds, TEST_SECRET, token } from '../helpers/index.ts'

const settings = readSettings({ JWT_SECRET: TEST_SECRET, TOKEN_CACHE_SIZE: '3' })

/** Counts what is verified, and can be taken out as an issuer's key can. */
function watched (): TokenKey & { verified: number, takeOut: () => void } {
  const key = createIssuerKey(settingsKeys(settings)[0] as KeyMaterial, settings, () => true)
  let isCurrent = true
  const watched = {
    verified: 0,
    verify (text: string) {
      watched.verified++
      return key.verify(text)
    },
    isCurrent: () => isCurrent,
    takeOut () { isCurrent = false }
  }
  return watched
}

function freeze (t: Test): void {
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  t.teardown(() => mock.timers.reset())
}

test('the signature of a token is verified once, however often it is used', async t => {
  const key = watched()
  const tokens = createTokens([key], settings)
  const bearer = token({ sub: 'ann' })
  for (let use = 0; use < 5; use++) t.match(await tokens.verify(bearer), { sub: 'ann' })
  t.equal(key.verified, 1)
  t.match(await tokens.verify(token({ sub: 'bob' })), { sub: 'bob' })
  t.equal(key.verified, 2)
})

test('its end, and that it has begun, are checked at every use', async t => {
  freeze(t)
  const tokens = createTokens([watched()], settings)
  const now = nowInSeconds()
  const bearer = token({ nbf: now, iat: now, exp: now + 60 })
  await tokens.verify(bearer)
  mock.timers.setTime((now - 10) * 1000)
  await t.rejects(tokens.verify(bearer), { code: 'auth/token-not-yet-valid' })
  mock.timers.setTime((now + 59) * 1000)
  await t.resolves(tokens.verify(bearer))
  mock.timers.setTime((now + 60) * 1000)
  for (let use = 0; use < 2; use++) await t.rejects(tokens.verify(bearer), { code: 'auth/token-expired' })
})

test('tokens of a withdrawn key are no longer trusted', async t => {
  const [old, fresh] = [watched(), watched()]
  const keys = [old]
  const tokens = createTokens({ find: async () => keys.at(-1) as TokenKey, close () {} }, settings)
  const bearer = token()
  await tokens.verify(bearer)
  old.takeOut()
  keys.push(fresh)
  await tokens.verify(bearer)
  t.strictSame([old.verified, fresh.verified], [1, 1], 'it is verified anew, with the key that is there now')
  fresh.takeOut()
  const wrong = { ...watched(), verify () { throw new Error('signed by another key') } }
  keys.push(wrong)
  await t.rejects(tokens.verify(bearer), { code: 'auth/invalid-token' })
})

test('as many are remembered as TOKEN_CACHE_SIZE says; the one unused for longest goes first', async t => {
  const key = watched()
  const tokens = createTokens([key], settings)
  const [one, two, three, four] = ['one', 'two', 'three', 'four'].map(sub => token({ sub })) as [string, string, string, string]
  for (const bearer of [one, two, three, one, four]) await tokens.verify(bearer)
  t.equal(tokens.size, 3)
  t.equal(key.verified, 4)
  await tokens.verify(one)
  t.equal(key.verified, 4, 'used lately')
  await tokens.verify(two)
  t.equal(key.verified, 5, 'forgotten')
})

test('a refused token is not cached, and a token that differs in any byte is a different one', async t => {
  const key = watched()
  const tokens = createTokens([key], settings)
  const good = token()
  await tokens.verify(good)
  for (const bad of [`${good.slice(0, -4)}AAAA`, token({}, { key: 'another secret, of more than 32 characters' }), 'x', '', good.split('.').slice(0, 2).join('.')]) {
    for (let use = 0; use < 2; use++) await t.rejects(tokens.verify(bad), { code: 'auth/invalid-token' })
  }
  t.equal(tokens.size, 1)
})
