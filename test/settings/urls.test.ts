// URLs among the settings: a password with a raw character is found out, and shown nowhere.
import { inspect } from 'node:util'
import { test } from 'tap'
import { readSettings } from '../../services/settings/read.ts'
import { isFetchUrl, readRedisUrl, readAddresses } from '../../services/settings/urls.ts'

const PASSWORD = 'hunter2'

test('REDIS_URL is read by its parts, decoded', async t => {
  t.strictSame(readRedisUrl('rediss://us%23er:p%2Fa%3Fs%25s%40@redis.internal:6380/3'), {
    host: 'redis.internal', port: 6380, tls: true, username: 'us#er', password: 'p/a?s%s@', database: 3
  })
  t.match(readRedisUrl('redis://redis'), { port: 6379, tls: false, username: '', password: '', database: 0 })
  t.match(readRedisUrl('redis://[::1]:7000/'), { host: '::1', port: 7000, database: 0 })
  t.match(readRedisUrl('redis://:a:b@c@redis'), { host: 'redis', password: 'a:b@c' })
})

const raw = [
  // Some of these parse, as something else: the user as the host, the password as its port.
  `redis://user:1#${PASSWORD}@redis`, `redis://user:1/${PASSWORD}@redis`, `redis://user:1?${PASSWORD}@redis`, `redis://user:1/2/${PASSWORD}@redis/3`,
  `redis://user:${PASSWORD}#x@redis`, `redis://user:${PASSWORD}/x@redis`, `redis://user:${PASSWORD}?x@redis`,
  `redis://user:${PASSWORD}%@redis`, `redis://user:${PASSWORD}%zz@redis`, `redis://user:${PASSWORD}%ff@redis`,
  `redis://user:${PASSWORD}@redis/0?x=1`, `redis://user:${PASSWORD}@redis/one`, `redis://user:${PASSWORD}@redis:99999`, `redis:///${PASSWORD}`
]

test('a raw # / ? or % in the password of REDIS_URL is named with the other faults, without the URL', async t => {
  for (const REDIS_URL of raw) {
    t.equal(readRedisUrl(REDIS_URL), undefined, REDIS_URL)
    try {
      readSettings({ REDIS_URL, PORT: '70000' })
      t.fail(`${REDIS_URL} was taken`)
    } catch (error) {
      t.match((error as Error).message, /PORT should be[^]*REDIS_URL should be .*%23.*%2F.*%25/)
      t.notMatch(inspect(error, { depth: 9, showHidden: true }), PASSWORD)
    }
  }
})

test('URLs that are fetched hold no user and no password', async t => {
  for (const url of ['https://issuer/keys.json', 'http://10.0.0.1:8080', 'https://host/%40scope/hook?x=1']) t.ok(isFetchUrl(url), url)
  const refused = [
    `http://user:${PASSWORD}@host/hook`, `https://${PASSWORD}@host`, `http://user:1/${PASSWORD}@host`, `http://user:1#${PASSWORD}@host`,
    `http://user:${PASSWORD}#x@host`, `https://host/hook#${PASSWORD}`, 'http://', 'https://host:99999', 'http://[::1'
  ]
  for (const url of refused) {
    t.notOk(isFetchUrl(url), url)
    for (const name of ['WEBHOOK_URL', 'JWT_JWKS_URL', 'OTEL_EXPORTER_OTLP_ENDPOINT']) {
      const fault = faultOf({ [name]: url, WEBHOOK_SECRET: 'x' })
      t.match(fault.message, new RegExp(`^  - ${name} should`, 'm'), `${name}=${url}`)
      t.notMatch(inspect(fault, { depth: 9, showHidden: true }), PASSWORD)
    }
  }
})

test('Sentinels and nodes of a cluster are host:port, an IPv6 address in brackets', async t => {
  t.strictSame(readAddresses('a:1,[::1]:26379'), [{ host: 'a', port: 1 }, { host: '::1', port: 26379 }])
  for (const addresses of ['a', 'a:', ':1', 'a:1,', 'a:1 b:2', '::1:26379', 'a:b', 'redis://a:1', 'hunter2@a:1']) {
    for (const name of ['REDIS_SENTINELS', 'REDIS_CLUSTER']) {
      const fault = faultOf({ [name]: addresses })
      t.match(fault.message, new RegExp(`^  - ${name} should`, 'm'), addresses)
      t.notMatch(inspect(fault, { depth: 9, showHidden: true }), PASSWORD)
    }
  }
})

test('REDIS_PREFIX does not end like the channels of another database', async t => {
  for (const REDIS_PREFIX of ['roomcast/1', 'a/b/15']) t.match(faultOf({ REDIS_PREFIX }).message, /REDIS_PREFIX should/, REDIS_PREFIX)
  for (const REDIS_PREFIX of ['roomcast/one', 'roomcast1', 'a/1/b', '1']) t.equal(faultOf({ REDIS_PREFIX }).message, '', REDIS_PREFIX)
})

function faultOf (env: Record<string, string>): Error {
  try {
    readSettings(env)
  } catch (error) {
    return error as Error
  }
  return new Error('')
}
