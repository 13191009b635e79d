// Checks that the schema of one setting cannot express: parts of URLs, and settings that contradict each other.
import { isIP } from 'node:net'
import { isFetchUrl, readRedisUrl } from './urls.ts'
import type { SettingName, Settings } from '../settings.ts'

/** The most bytes around a payload in a packet or a command: ids, names, punctuation. */
const AROUND_A_PAYLOAD = 1024

const KEY_SOURCES = ['JWT_SECRET', 'JWT_PUBLIC_KEY', 'JWT_JWKS_URL'] as const

interface Rule {
  /** The settings that the rule reads. If one of them has its own fault, the rule is skipped. */
  of: SettingName[]
  /** What is wrong and what to do; false if nothing is. */
  fault: (settings: Settings) => string | false
}

const rules: Rule[] = [
  // URLs and addresses
  {
    of: ['REDIS_URL'],
    fault: ({ REDIS_URL }) => REDIS_URL !== '' && readRedisUrl(REDIS_URL) === undefined &&
      'REDIS_URL should be redis://user:password@host:port/database, or rediss:// for TLS, and nothing after it; in the user and the password, write # as %23, / as %2F, ? as %3F and % as %25'
  },
  ...(['JWT_JWKS_URL', 'WEBHOOK_URL', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const).map((name): Rule => ({
    of: [name],
    fault: settings => settings[name] !== '' && !isFetchUrl(settings[name]) &&
      `${name} should be http://host:port/path, or https://, without user, password and fragment; write an @ in the path as %40`
  })),
  {
    of: ['CORS_ORIGINS'],
    fault: ({ CORS_ORIGINS }) => CORS_ORIGINS.split(',').some(origin => !/^\s*(null|[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*]+)?\s*$/.test(origin)) &&
      'CORS_ORIGINS should list origins as browsers send them, https://app.example.com: no path, no / at the end, no *'
  },
  {
    of: ['TRUST_PROXY'],
    fault: ({ TRUST_PROXY }) => TRUST_PROXY !== '' && !TRUST_PROXY.split(',').every(isAddressRange) &&
      'TRUST_PROXY should list addresses and ranges, 10.0.0.0/8,fd00::/8, or loopback, linklocal, uniquelocal'
  },

  // Secrets, and what they belong to
  {
    of: [...KEY_SOURCES],
    fault: settings => keySources(settings).length > 1 &&
      `${keySources(settings).join(' and ')} are set: exactly one key source should be`
  },
  {
    of: [...KEY_SOURCES, 'NODE_ENV'],
    fault: settings => settings.NODE_ENV === 'production' && keySources(settings).length === 0 &&
      'JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL should be set: in production, the service generates no random key'
  },
  {
    of: ['JWT_SECRET_PREVIOUS', 'JWT_SECRET'],
    fault: ({ JWT_SECRET_PREVIOUS, JWT_SECRET }) => JWT_SECRET_PREVIOUS !== '' && JWT_SECRET === '' &&
      'JWT_SECRET_PREVIOUS should be set only together with JWT_SECRET'
  },
  {
    of: ['WEBHOOK_URL', 'WEBHOOK_SECRET'],
    fault: ({ WEBHOOK_URL, WEBHOOK_SECRET }) => WEBHOOK_URL !== '' && WEBHOOK_SECRET === '' &&
      'WEBHOOK_SECRET should be set together with WEBHOOK_URL: the receiver must be able to verify the sender'
  },
  {
    of: ['REDIS_SENTINELS', 'REDIS_SENTINEL_USERNAME', 'REDIS_SENTINEL_PASSWORD'],
    fault: ({ REDIS_SENTINELS, REDIS_SENTINEL_USERNAME, REDIS_SENTINEL_PASSWORD }) => REDIS_SENTINELS === '' && REDIS_SENTINEL_USERNAME + REDIS_SENTINEL_PASSWORD !== '' &&
      'REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD should be set only together with REDIS_SENTINELS'
  },
  {
    of: ['REDIS_SENTINEL_USERNAME', 'REDIS_SENTINEL_PASSWORD'],
    fault: ({ REDIS_SENTINEL_USERNAME, REDIS_SENTINEL_PASSWORD }) => REDIS_SENTINEL_USERNAME !== '' && REDIS_SENTINEL_PASSWORD === '' &&
      'REDIS_SENTINEL_PASSWORD should be set together with REDIS_SENTINEL_USERNAME'
  },
  {
    of: ['REDIS_CLUSTER', 'REDIS_SENTINELS'],
    fault: ({ REDIS_CLUSTER, REDIS_SENTINELS }) => REDIS_CLUSTER !== '' && REDIS_SENTINELS !== '' &&
      'REDIS_CLUSTER and REDIS_SENTINELS are both set: exactly one of them should be'
  },
  {
    of: ['REDIS_CLUSTER', 'REDIS_URL'],
    fault: ({ REDIS_CLUSTER, REDIS_URL }) => REDIS_CLUSTER !== '' && (readRedisUrl(REDIS_URL)?.database ?? 0) !== 0 &&
      'REDIS_URL should name no database together with REDIS_CLUSTER: a cluster has database 0 alone'
  },

  // Sizes: an update of MAX_PAYLOAD_BYTES must fit everywhere
  ...([
    ['MAX_PACKET_BYTES', 'otherwise a large publish ends the connection of its socket'],
    ['MAX_BUFFERED_BYTES', 'otherwise the largest update terminates every connection it is sent to'],
    ['REDIS_MAX_PENDING_BYTES', 'otherwise the largest update cannot be sent to Redis'],
    ['EMBEDDED_MAX_BYTES', 'otherwise the largest update is never stored']
  ] as const).map(([name, reason]): Rule => ({
    of: [name, 'MAX_PAYLOAD_BYTES'],
    fault: settings => settings[name] < settings.MAX_PAYLOAD_BYTES + AROUND_A_PAYLOAD &&
      `${name} should be at least MAX_PAYLOAD_BYTES plus ${AROUND_A_PAYLOAD}: ${reason}`
  })),
  {
    of: ['HISTORY_READ_BYTES', 'MAX_PAYLOAD_BYTES'],
    fault: ({ HISTORY_READ_BYTES, MAX_PAYLOAD_BYTES }) => HISTORY_READ_BYTES < 2 * MAX_PAYLOAD_BYTES &&
      'HISTORY_READ_BYTES should be at least twice MAX_PAYLOAD_BYTES'
  },

  // Times that must be in order
  {
    of: ['PROBE_TIMEOUT_MS', 'PROBE_INTERVAL_MS'],
    fault: ({ PROBE_TIMEOUT_MS, PROBE_INTERVAL_MS }) => PROBE_TIMEOUT_MS <= PROBE_INTERVAL_MS &&
      'PROBE_TIMEOUT_MS should be more than PROBE_INTERVAL_MS: otherwise a probe counts as missing before the next is sent'
  },
  {
    of: ['LEASE_MS', 'HEARTBEAT_MS'],
    fault: ({ LEASE_MS, HEARTBEAT_MS }) => LEASE_MS < 2 * HEARTBEAT_MS &&
      'LEASE_MS should be at least twice HEARTBEAT_MS: otherwise a live instance counts as dead'
  },
  {
    of: ['PING_TIMEOUT_MS', 'EVENT_LOOP_MAX_DELAY_MS'],
    fault: ({ PING_TIMEOUT_MS, EVENT_LOOP_MAX_DELAY_MS }) => PING_TIMEOUT_MS <= EVENT_LOOP_MAX_DELAY_MS &&
      'PING_TIMEOUT_MS should be more than EVENT_LOOP_MAX_DELAY_MS: otherwise a delay that counts as healthy ends every connection'
  },
  {
    of: ['CLOSE_TIMEOUT_MS', 'PUBLISH_TIMEOUT_MS'],
    fault: ({ CLOSE_TIMEOUT_MS, PUBLISH_TIMEOUT_MS }) => CLOSE_TIMEOUT_MS < PUBLISH_TIMEOUT_MS &&
      'CLOSE_TIMEOUT_MS should be at least PUBLISH_TIMEOUT_MS: otherwise publishes are cut off when the process exits'
  },
  {
    of: ['PRESENCE_TTL_SECONDS', 'POSITION_CHECK_MS'],
    fault: ({ PRESENCE_TTL_SECONDS, POSITION_CHECK_MS }) => PRESENCE_TTL_SECONDS * 1000 < 2 * POSITION_CHECK_MS &&
      'PRESENCE_TTL_SECONDS should be at least twice POSITION_CHECK_MS, at which presence is renewed'
  },
  ...(['HISTORY_TTL_SECONDS', 'IDEMPOTENCY_TTL_SECONDS'] as const).map((name): Rule => ({
    of: ['ROOM_TTL_SECONDS', name],
    fault: settings => settings.ROOM_TTL_SECONDS < settings[name] &&
      `ROOM_TTL_SECONDS should be at least ${name}: data that outlives its room is lost`
  })),
  {
    of: ['TOKEN_EXPIRING_SECONDS', 'TOKEN_MAX_SECONDS'],
    fault: ({ TOKEN_EXPIRING_SECONDS, TOKEN_MAX_SECONDS }) => TOKEN_EXPIRING_SECONDS >= TOKEN_MAX_SECONDS &&
      'TOKEN_EXPIRING_SECONDS should be less than TOKEN_MAX_SECONDS: otherwise every token counts as expiring at once'
  }
]

/**
 * Faults that the schema of a single setting cannot find.
 * @param faulty settings whose own fault is already reported
 */
export function faultsTogether (settings: Settings, faulty: ReadonlySet<SettingName>): string[] {
  return rules
    .filter(({ of }) => !of.some(name => faulty.has(name)))
    .map(({ fault }) => fault(settings))
    .filter(fault => fault !== false)
}

function keySources (settings: Settings): string[] {
  return KEY_SOURCES.filter(name => settings[name] !== '')
}

function isAddressRange (text: string): boolean {
  const [address = '', bits = '0', ...rest] = text.split('/')
  return /^(loopback|linklocal|uniquelocal)$/.test(text) || (isIP(address) !== 0 && rest.length === 0 && (/^\d{1,3}$/.test(bits) || isIP(bits) !== 0))
}
