// Settings that contradict one another are named at boot, each pair by what would break.
import { test } from 'tap'
import { readSettings } from '../../services/settings/read.ts'

const SECRET = 'x'.repeat(32)

function faultsOf (env: Record<string, string>): string[] {
  try {
    readSettings(env)
  } catch (error) {
    return (error as Error).message.split('\n').slice(1).map(line => line.slice('  - '.length))
  }
  return []
}

const contradictions: Array<[Record<string, string>, RegExp, Record<string, string>]> = [
  [{ MAX_PAYLOAD_BYTES: '524288' }, /^MAX_PACKET_BYTES should be at least MAX_PAYLOAD_BYTES/, { MAX_PACKET_BYTES: '1000000' }],
  [{ MAX_BUFFERED_BYTES: '65536' }, /^MAX_BUFFERED_BYTES should be at least MAX_PAYLOAD_BYTES/, { MAX_PAYLOAD_BYTES: '1000' }],
  [{ REDIS_MAX_PENDING_BYTES: '65536' }, /^REDIS_MAX_PENDING_BYTES should be at least MAX_PAYLOAD_BYTES/, { MAX_PAYLOAD_BYTES: '1000' }],
  [{ EMBEDDED_MAX_BYTES: '65536' }, /^EMBEDDED_MAX_BYTES should be at least MAX_PAYLOAD_BYTES/, { MAX_PAYLOAD_BYTES: '1000' }],
  [{ HISTORY_READ_BYTES: '100000' }, /^HISTORY_READ_BYTES should be at least twice/, { MAX_PAYLOAD_BYTES: '50000' }],
  [{ PROBE_INTERVAL_MS: '2500' }, /^PROBE_TIMEOUT_MS should be more than PROBE_INTERVAL_MS/, { PROBE_TIMEOUT_MS: '2501' }],
  [{ HEARTBEAT_MS: '6000' }, /^LEASE_MS should be at least twice HEARTBEAT_MS/, { LEASE_MS: '12000' }],
  [{ PING_TIMEOUT_MS: '1000' }, /^PING_TIMEOUT_MS should be more than EVENT_LOOP_MAX_DELAY_MS/, { EVENT_LOOP_MAX_DELAY_MS: '999' }],
  [{ CLOSE_TIMEOUT_MS: '999' }, /^CLOSE_TIMEOUT_MS should be at least PUBLISH_TIMEOUT_MS/, { PUBLISH_TIMEOUT_MS: '999' }],
  [{ PRESENCE_TTL_SECONDS: '10', POSITION_CHECK_MS: '5001' }, /^PRESENCE_TTL_SECONDS should be at least twice POSITION_CHECK_MS/, { PRESENCE_TTL_SECONDS: '11' }],
  [{ ROOM_TTL_SECONDS: '599', IDEMPOTENCY_TTL_SECONDS: '1' }, /^ROOM_TTL_SECONDS should be at least HISTORY_TTL_SECONDS/, { HISTORY_TTL_SECONDS: '599' }],
  [{ ROOM_TTL_SECONDS: '599', HISTORY_TTL_SECONDS: '1' }, /^ROOM_TTL_SECONDS should be at least IDEMPOTENCY_TTL_SECONDS/, { IDEMPOTENCY_TTL_SECONDS: '599' }],
  [{ TOKEN_EXPIRING_SECONDS: '3600', TOKEN_MAX_SECONDS: '3600' }, /^TOKEN_EXPIRING_SECONDS should be less than TOKEN_MAX_SECONDS/, { TOKEN_EXPIRING_SECONDS: '60' }],
  [{ WEBHOOK_URL: 'https://host/hook' }, /^WEBHOOK_SECRET should be set together with WEBHOOK_URL/, { WEBHOOK_SECRET: 'x' }],
  [{ JWT_SECRET_PREVIOUS: SECRET }, /^JWT_SECRET_PREVIOUS should be set only together with JWT_SECRET/, { JWT_SECRET: SECRET }],
  [{ REDIS_SENTINEL_PASSWORD: 'x' }, /^REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD should be set only together with REDIS_SENTINELS/, { REDIS_SENTINELS: 'a:1' }],
  [{ REDIS_SENTINELS: 'a:1', REDIS_SENTINEL_USERNAME: 'x' }, /^REDIS_SENTINEL_PASSWORD should be set together with REDIS_SENTINEL_USERNAME/, { REDIS_SENTINEL_PASSWORD: 'x' }],
  [{ REDIS_CLUSTER: 'a:1,b:2', REDIS_SENTINELS: 'a:1' }, /^REDIS_CLUSTER and REDIS_SENTINELS are both set/, { REDIS_SENTINELS: '' }],
  [{ REDIS_CLUSTER: 'a:1', REDIS_URL: 'rediss://user:secret@host/2' }, /^REDIS_URL should name no database together with REDIS_CLUSTER/, { REDIS_URL: 'rediss://user:secret@host/0' }]
]

for (const [env, fault, mended] of contradictions) {
  test(`${Object.entries(env).map(([name, value]) => `${name}=${value}`).join(' ')} is named, and right with another setting`, async t => {
    const [first = '', ...others] = faultsOf(env)
    t.match(first, fault)
    t.strictSame(others, [])
    t.strictSame(faultsOf({ ...env, ...mended }), [])
  })
}

test('a setting with a fault of its own is named once', async t => {
  t.equal(faultsOf({ MAX_PAYLOAD_BYTES: 'much', MAX_PACKET_BYTES: '5', REDIS_URL: 'http://redis' }).length, 3)
})

test('origins are listed as browsers send them', async t => {
  for (const CORS_ORIGINS of ['https://a.example', 'https://a.example, http://localhost:5173', 'null', 'capacitor://localhost', 'https://a.example,', 'http://[::1]:80']) {
    t.strictSame(faultsOf({ CORS_ORIGINS }), [], CORS_ORIGINS)
  }
  for (const CORS_ORIGINS of ['https://a.example/', 'a.example', '*', 'https://*.a.example', 'https://a.example;https://b.example/', 'https://user:pass@a.example']) {
    t.match(faultsOf({ CORS_ORIGINS }), [/^CORS_ORIGINS should list origins/], CORS_ORIGINS)
  }
})

test('proxies are addresses, ranges or the names of ranges', async t => {
  for (const TRUST_PROXY of ['10.0.0.1', '10.0.0.0/8,fd00::/8', '::1', 'loopback', '10.0.0.0/255.0.0.0']) t.strictSame(faultsOf({ TRUST_PROXY }), [], TRUST_PROXY)
  for (const TRUST_PROXY of ['true', 'nginx', '10.0.0.0/8/8', '10.0.0.1, 10.0.0.2', '10.0.0.0/x']) t.match(faultsOf({ TRUST_PROXY }), [/^TRUST_PROXY should/], TRUST_PROXY)
})
