// Settings: typed, frozen, and every fault told at once.
import { test } from 'tap'
import { Settings } from '../services/settings.ts'
import { readSettings } from '../services/settings/read.ts'

const SECRET = 'x'.repeat(32)

function faultOf (env: Record<string, string | undefined>): string {
  try {
    readSettings(env)
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

test('defaults hold without any environment, and cannot be changed', async t => {
  const settings = readSettings({})
  t.match(settings, { PORT: 3000, REDIS_URL: '', HISTORY_SIZE: 1000, PUBLISH_TIMEOUT_MS: 1000, PRESENCE_SHARE_EMAIL: false, SOCKET_PATH: '/socket.io/' })
  t.ok(Object.isFrozen(settings))
  t.throws(() => Object.assign(settings, { PORT: 1 }), TypeError)
})

test('texts become numbers and flags; an empty text counts as not set', async t => {
  t.match(readSettings({ PORT: '8080', PRESENCE_SHARE_EMAIL: 'true', HISTORY_SIZE: '' }), { PORT: 8080, PRESENCE_SHARE_EMAIL: true, HISTORY_SIZE: 1000 })
  t.equal(readSettings({ PRESENCE_SHARE_EMAIL: 'false' }).PRESENCE_SHARE_EMAIL, false)
})

test('all faults come in one message: each with its name and what it should be', async t => {
  const message = faultOf({
    PORT: '70000',
    HISTORY_SIZE: '0',
    PUBLISH_TIMEOUT_MS: 'soon',
    PRESENCE_SHARE_EMAIL: 'perhaps',
    REDIS_URL: 'http://redis',
    LOG_LEVEL: 'loud',
    NODE_ENV: 'prod',
    REDIS_PREFIX: 'a{b}',
    JWT_SECRET: 'short',
    INSTANCE_NAME: 'a b',
    HOST: 'localhost',
    PING_INTERVAL_MS: '3000000000'
  })
  const faults = message.split('\n').slice(1)
  t.equal(faults.length, 12)
  t.match(message, /PORT should be a whole number from 0 to 65535/)
  t.match(message, /HISTORY_SIZE should be a whole number from 1/)
  t.match(message, /PUBLISH_TIMEOUT_MS should be a whole number/)
  t.match(message, /PRESENCE_SHARE_EMAIL should be true or false/)
  t.match(message, /LOG_LEVEL should match .*info/)
  for (const name of ['REDIS_URL', 'NODE_ENV', 'REDIS_PREFIX', 'JWT_SECRET', 'INSTANCE_NAME', 'HOST', 'PING_INTERVAL_MS']) t.match(message, new RegExp(`  - ${name} should`))
})

test('a fault never shows the value, which may be a secret', async t => {
  t.notMatch(faultOf({ JWT_SECRET: 'hunter2', REDIS_URL: 'http://:hunter2@redis' }), /hunter2/)
})

test('numbers that only look like numbers are refused', async t => {
  for (const PORT of ['1.5', '-1', '1e9', 'NaN', 'Infinity', '80 80', '0x1F91']) t.match(faultOf({ PORT }), /PORT should be/, PORT)
})

test('production without a key refuses with one clear line', async t => {
  const message = faultOf({ NODE_ENV: 'production' })
  t.strictSame(message.split('\n').slice(1), ['  - JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL should be set: in production, the service generates no random key'])
  for (const env of [{ JWT_SECRET: SECRET }, { JWT_PUBLIC_KEY: 'pem' }, { JWT_JWKS_URL: 'https://issuer/keys' }]) {
    t.equal(faultOf({ NODE_ENV: 'production', ...env }), '')
  }
})

test('exactly one key source; a previous secret only beside a secret', async t => {
  t.match(faultOf({ JWT_SECRET: SECRET, JWT_PUBLIC_KEY: 'pem' }), /JWT_SECRET and JWT_PUBLIC_KEY are set: exactly one/)
  t.match(faultOf({ JWT_SECRET: SECRET, JWT_PUBLIC_KEY: 'pem', JWT_JWKS_URL: 'https://issuer/keys' }), /JWT_SECRET and JWT_PUBLIC_KEY and JWT_JWKS_URL/)
  t.match(faultOf({ JWT_SECRET_PREVIOUS: SECRET }), /JWT_SECRET_PREVIOUS should be set only together/)
  t.equal(faultOf({ JWT_SECRET: SECRET, JWT_SECRET_PREVIOUS: SECRET }), '')
})

test('every setting has a default that passes, and a sentence', async t => {
  for (const [name, { description }] of Object.entries<{ description?: string }>(Settings.properties)) t.match(description, /^.{10,}\.$/, name)
})
