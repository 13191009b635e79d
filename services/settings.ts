// Every setting: name, unit, default and reason in one schema; read from the environment, checked at once, frozen.
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { faultsTogether } from './settings/checks.ts'
import { misspelt } from './settings/misspelt.ts'
import { fromText } from './wire/validation.ts'

const whole = (value: number, description: string, minimum = 0, maximum = Number.MAX_SAFE_INTEGER) =>
  Type.Integer({ default: value, description, minimum, maximum })
const text = (value: string, description: string, rest = {}) => Type.String({ default: value, description, ...rest })
const choice = <T extends string>(values: T[], value: T, description: string) =>
  Type.Unsafe<T>(Type.String({ default: value, description, pattern: `^(${values.join('|')})$` }))
const flag = (value: boolean, description: string) => Type.Boolean({ default: value, description })

/** 24.8 days: the longest a Node timer can wait; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2_147_483_647

const ADDRESS = '(\\[[0-9A-Fa-f:.]+\\]|[^\\s,:@/[\\]]+):\\d{1,5}'
/** `host:port`, comma-separated. */
const ADDRESSES = `^$|^${ADDRESS}(,${ADDRESS})*$`

const SECRET_PATTERN = '^$|^[\\s\\S]{32,}$'

export const Settings = Type.Object({
  // Process
  NODE_ENV: choice(['production', 'development', 'test'], 'development', 'production: refuse to start without a key, no playground, JSON logs. development: stop at once, readable logs on a terminal.'),
  HOST: text('127.0.0.1', 'Address to listen on. 0.0.0.0 in a container. Not "localhost": it opens a second listener without Socket.IO.', { pattern: '^(?!localhost$).+$' }),
  PORT: whole(3000, 'Port to listen on.', 0, 65535),
  LOG_LEVEL: choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info', 'How much to log. Tokens and payloads are never logged.'),
  INSTANCE_NAME: text('', 'Name of this instance in logs, and in session ids, from which nginx routes long polling. A pod name fits. Empty: made at start.', { pattern: '^[A-Za-z0-9-]{0,63}$' }),
  REQUEST_TIMEOUT_MS: whole(10_000, 'A request must have arrived by then; against clients that send a byte at a time.', 1, LONGEST_TIMER_MS),
  LINGER_MS: whole(500, 'How long a refused caller may take to read its answer and to close; then its connection is closed.', 1, 1000),
  MAX_DISCARDED_BYTES: whole(16_777_216, 'How much of a body that is too large is read and dropped, so that its caller can read the 413.', 0),
  TRUST_PROXY: text('', 'Addresses or ranges of the proxies whose X-Forwarded-For counts, comma-separated. Empty: none.'),

  // Tokens
  JWT_SECRET: text('', 'Shared secret, HS256, at least 32 bytes. Exactly one of JWT_SECRET, JWT_PUBLIC_KEY, JWT_JWKS_URL is set; outside production none means a random one for this run.', { pattern: SECRET_PATTERN }),
  JWT_SECRET_PREVIOUS: text('', 'The secret before the last rotation; still accepted, never signed with.', { pattern: SECRET_PATTERN }),
  JWT_PUBLIC_KEY: text('', 'Public key in PEM (\\n for line ends): RSA means RS256, P-256 means ES256, Ed25519 means EdDSA.'),
  JWT_JWKS_URL: text('', 'Where the issuer publishes its keys; RS256, ES256 and EdDSA.', { pattern: '^$|^https?://' }),
  JWT_ISSUER: text('', 'Required value of `iss`. Empty: not checked.'),
  JWT_AUDIENCE: text('', 'Required value of `aud`. Empty: not checked.'),
  TOKEN_MAX_SECONDS: whole(2_592_000, 'A token whose `exp` is further away is refused: revocations must be kept for as long as that.', 1),
  CLOCK_TOLERANCE_SECONDS: whole(5, 'How far ahead `nbf` and `iat` may be, since clocks differ; a token that is further ahead is refused for now. `exp` has no leeway.', 0, 600),
  TOKEN_CACHE_SIZE: whole(5000, 'Tokens whose signature is not verified again; their time, their key and revocations are checked at every use. The one unused for longest goes first.', 1),
  TOKEN_EXPIRING_SECONDS: whole(60, 'How long before its end a client is told that its token is running out.', 1),
  JWKS_CACHE_SECONDS: whole(600, 'How long fetched keys are used before they are fetched again.', 1),
  JWKS_REFETCH_SECONDS: whole(30, 'At most one fetch in this time for key ids that are unknown: a flood of made-up ids must not reach the issuer.', 1),
  JWKS_TIMEOUT_MS: whole(3000, 'How long to wait for the issuer.', 1, LONGEST_TIMER_MS),
  JWKS_MAX_BYTES: whole(65_536, 'A larger answer of the issuer is refused.', 1),

  // Redis
  REDIS_URL: text('', 'redis://user:password@host:port/database, or rediss:// for TLS; # / ? % in the password as %23 %2F %3F %25. Empty (and no Sentinels, no cluster): the embedded broker, one instance only.', { pattern: '^$|^rediss?://' }),
  REDIS_SENTINELS: text('', 'host:port of the Sentinels, comma-separated; user, password, database and TLS (of the Sentinels too) then come from REDIS_URL, if set, and its host means nothing.', { pattern: ADDRESSES }),
  REDIS_SENTINEL_NAME: text('mymaster', 'Name of the master that the Sentinels watch.'),
  REDIS_SENTINEL_USERNAME: text('', 'User at the Sentinels, where it is not the default one.'),
  REDIS_SENTINEL_PASSWORD: text('', 'Password at the Sentinels; as it is, nothing percent-encoded.'),
  REDIS_CLUSTER: text('', 'host:port of some nodes of a Redis Cluster (Redis 7 or newer), comma-separated; the others are found through them. User, password and TLS then come from REDIS_URL, if set, and its host means nothing.', { pattern: ADDRESSES }),
  REDIS_PREFIX: text('roomcast', 'First part of every key and channel; several services can share one Redis. Not with a number after a slash at its end: that is how channels of databases other than 0 are named.', { pattern: '^(?!.*/\\d+$)[^{}]{1,64}$' }),
  PUBLISH_TIMEOUT_MS: whole(1000, 'A publish that has no receipt by then is answered 503, and Redis refuses it when it comes later than that.', 1, LONGEST_TIMER_MS),
  SUBSCRIBE_TIMEOUT_MS: whole(1000, 'How long a SUBSCRIBE waits for a link to Redis that is just being made anew, before it is refused.', 0, LONGEST_TIMER_MS),
  REDIS_MAX_PENDING: whole(10_000, 'Commands sent to Redis, to each master of a cluster, and not answered yet; more are refused at once. No less than PUBLISH_BURST, so that a burst alone does not reach it.', 1),
  REDIS_MAX_PENDING_BYTES: whole(67_108_864, 'Bytes of the arguments of these commands; more are refused at once, so that a Redis that hangs does not fill the process. Each master of a cluster has an equal part, so that one that hangs leaves the others theirs.', 1024),
  REDIS_RECONNECT_MAX_MS: whole(500, 'Longest pause between two attempts to connect; flow must resume within 2 s after Redis answers.', 1, LONGEST_TIMER_MS),
  PROBE_INTERVAL_MS: whole(1000, 'How often an instance publishes to itself through Redis.', 1, LONGEST_TIMER_MS),
  PROBE_TIMEOUT_MS: whole(2500, 'No echo of a probe for this long: not ready, and the links to Redis are replaced. Readiness must turn within 3 s.', 1, LONGEST_TIMER_MS),
  POSITION_CHECK_MS: whole(3000, "How often the positions of all feeds are compared with the rooms': finds a lost last update within 5 s.", 1, LONGEST_TIMER_MS),
  POSITION_CHECKS_PER_SECOND: whole(700, 'Most rooms that an instance compares in a second: with more rooms than fit into POSITION_CHECK_MS, each is compared less often.', 1),
  READS_AT_ONCE: whole(16, 'Reads of history and presence under way to Redis; more wait for their turn, callers in turn.', 1),
  READS_MAX_BYTES: whole(8_388_608, 'Most that the answers to these reads may be large together: publishes and probes wait behind them.', 1),

  // History
  HISTORY_SIZE: whole(1000, 'Updates kept of a room.', 1),
  HISTORY_TTL_SECONDS: whole(600, 'How long the history of a room outlives its newest update; a client may be away for that long.', 1),
  IDEMPOTENCY_TTL_SECONDS: whole(600, 'How long an id of a caller is remembered, so that a retry publishes nothing.', 1),
  ROOM_TTL_SECONDS: whole(2_592_000, 'How long a room keeps its epoch and offset after its last update. One without any update lives for twice HISTORY_TTL_SECONDS after its last member.', 1),
  READ_ROOM_TTL_SECONDS: whole(300, 'How long a room lives that somebody has only asked for: long enough to subscribe from the position that was told.', 1),
  COMMANDS_HISTORY_SIZE: whole(100_000, 'Commands of operators that are kept, revocations among them; each is about 300 bytes.', 1),
  FEED_TAIL_BYTES: whole(1_048_576, 'Newest updates of a room that an instance keeps itself, as packets, to serve those who come back without asking Redis; in memory about three times that.', 0),
  FEEDS_MAX_BYTES: whole(67_108_864, 'Most that an instance keeps of recent updates over all rooms, with the history it has read for those who come back; the rooms quiet for longest lose theirs first.', 0),
  HISTORY_READ_BYTES: whole(1_048_576, 'Most that one read of history brings; a longer replay takes several.', 1),
  ROOM_LINGER_MS: whole(10_000, 'How long an instance stays on the channel of a room that its last member left, so that those who reconnect find it warm.', 0, LONGEST_TIMER_MS),
  EMBEDDED_MAX_ROOMS: whole(100_000, 'Most rooms that the embedded broker remembers, and as many that were only asked for; the longest unused are forgotten first.', 1),
  EMBEDDED_MAX_RECEIPTS: whole(100_000, 'Most ids of callers that the embedded broker remembers; the oldest are forgotten first.', 1),
  EMBEDDED_MAX_BYTES: whole(268_435_456, 'Most bytes of history that the embedded broker keeps, over all rooms; the rooms longest without an update lose theirs first.', 1),

  // Limits
  MAX_PAYLOAD_BYTES: whole(65_536, 'Largest payload, as UTF-8 JSON.', 1),
  MAX_PAYLOAD_DEPTH: whole(256, 'Deepest nesting of a payload: what is deeper can exhaust the stack of whoever reads it.', 1, 2000),
  MAX_BATCH: whole(100, 'Updates in one batch.', 1),
  MAX_PACKET_BYTES: whole(524_288, 'Largest packet or long-polling body from a client; a payload, escaped, must fit.', 1024),
  MAX_BUFFERED_BYTES: whole(1_048_576, 'Most bytes that the process holds for one connection, whatever they are; above it the connection is cut off. Replay keeps to half of it.', 1024),
  AUTH_MAX_BUFFERED_BYTES: whole(65_536, 'Most bytes that the process holds for a connection that has not authenticated: nothing large is ever sent to one.', 1024),
  EPHEMERAL_MAX_BUFFERED_BYTES: whole(65_536, 'A socket in which more than this waits is left out of ephemeral updates.', 0),
  STALL_TIMEOUT_MS: whole(4500, 'A socket that drains nothing for this long is cut off: within 5 s, the pace of the check included.', 100, LONGEST_TIMER_MS),
  POLLING_STALL_TIMEOUT_MS: whole(20_000, 'The same for long polling, where a client shows only by its next poll that it has read the last answer.', 100, LONGEST_TIMER_MS),
  CONTROL_FRAMES_PER_SECOND: whole(10, 'WebSocket pings and pongs of one client in a second, on average: each ping is answered. Heartbeats of clients and proxies come every few seconds.', 1),
  CONTROL_FRAME_BURST: whole(100, 'WebSocket pings and pongs of one client at once.', 1),
  AUTH_TIMEOUT_MS: whole(10_000, 'A connection that has not authenticated by then is closed.', 1, LONGEST_TIMER_MS),
  MAX_CONNECTIONS: whole(25_000, 'TCP connections of the process, those included that never say anything; more are closed at once. Above MAX_SOCKETS, so that publishes and health checks still come in.', 1),
  MAX_SOCKETS: whole(20_000, 'Sockets of this instance; more are sent to another one.', 1),
  MAX_SOCKETS_PER_USER: whole(1000, 'Sockets of one user on this instance: far above tabs and devices, since kiosks and scripts may share one user.', 1),
  MAX_ROOMS: whole(50_000, 'Rooms that this instance follows, empty ones that it keeps warm included; those make room first.', 1),
  MAX_ROOMS_PER_SOCKET: whole(500, 'Rooms that one socket may be in.', 1),
  CONNECTIONS_PER_SECOND: whole(500, 'New connections this instance takes in a second, on average.', 1),
  CONNECTION_BURST: whole(2000, 'New connections it takes at once: everybody comes back when a neighbour dies.', 1),
  EVENTS_PER_SECOND: whole(200, 'Events of one socket in a second, on average: a cursor at the pace of a screen, and more.', 1),
  EVENT_BURST: whole(1000, 'Events of one socket at once: an honest client subscribes to all its rooms again in one go.', 1),
  PUBLISHES_PER_SECOND: whole(5000, 'Publishes with one token in a second, on average, over both doors of this instance.', 1),
  PUBLISH_BURST: whole(10_000, 'Publishes with one token at once.', 1),
  READS_PER_SECOND: whole(100, 'Requests for history or presence over HTTP with one token in a second, on average.', 1),
  READ_BURST: whole(300, 'Requests for history or presence with one token at once.', 1),
  COMMANDS_PER_SECOND: whole(100, 'Commands of one operator (disconnect, unsubscribe, revoke, restore) in a second, on average: each goes to every instance and is kept.', 1),
  COMMAND_BURST: whole(1000, 'Commands of one operator at once.', 1),

  // Browsers
  CORS_ORIGINS: text('', 'Foreign origins that may use the service, comma-separated, e.g. https://app.example.com. Empty: only the same origin.'),
  SOCKET_PATH: text('/socket.io/', 'Path of the Socket.IO endpoint.', { pattern: '^/.+/$' }),
  PING_INTERVAL_MS: whole(25_000, 'Heartbeat of a connection.', 1, LONGEST_TIMER_MS),
  PING_TIMEOUT_MS: whole(20_000, 'A heartbeat without an answer for this long ends the connection. Far above any stall of the event loop.', 1, LONGEST_TIMER_MS),

  // Tracing
  OTEL_EXPORTER_OTLP_ENDPOINT: text('', 'Where traces go, as OTLP over HTTP, e.g. http://collector:4318. Empty: tracing is off. Needs packages that the service names where they are missing. Other OTEL_ variables count as usual.', { pattern: '^$|^https?://' }),

  // Webhook
  WEBHOOK_URL: text('', 'Where to tell that a room got its first member over all instances, or lost its last. Empty: nowhere.', { pattern: '^$|^https?://' }),
  WEBHOOK_SECRET: text('', 'Key of the signature that each request carries, as Standard Webhooks has it (whsec_… or any text).'),
  WEBHOOK_TIMEOUT_MS: whole(5000, 'How long to wait for the answer.', 1, LONGEST_TIMER_MS),
  WEBHOOK_BATCH_MS: whole(500, 'Events are gathered for this long, and sent together.', 1, LONGEST_TIMER_MS),
  WEBHOOK_BATCH_SIZE: whole(100, 'Most events in one request.', 1),
  WEBHOOK_QUEUE_SIZE: whole(10_000, 'Most events that wait while the receiver is away; then the oldest are dropped, logged and counted.', 1),
  WEBHOOK_RETRY_MAX_MS: whole(60_000, 'Longest pause before a request is repeated; the first is a second, and each is twice the one before.', 1, LONGEST_TIMER_MS),

  // Presence
  PRESENCE_MAX: whole(1000, 'Above this many collaborators in a room only the count is told.', 0),
  PRESENCE_SHARE_EMAIL: flag(false, 'Whether collaborators see the email of each other.'),
  PRESENCE_LINGER_MS: whole(5000, 'A collaborator whose connection ended, though not by the server for good, stays for this long: a reconnect makes no leave and join.', 0, LONGEST_TIMER_MS),
  PRESENCE_BATCH_MS: whole(100, 'Joins and leaves of a room are told together at this pace.', 0, LONGEST_TIMER_MS),
  PRESENCE_COUNT_MS: whole(1000, 'Pace at which the count of a room above PRESENCE_MAX is told: it goes to very many.', 0, LONGEST_TIMER_MS),
  PRESENCE_STATE_BYTES: whole(1024, 'Most bytes, as JSON, of what a session says that it does: it travels to everyone in the room.', 2),
  PRESENCE_TTL_SECONDS: whole(3600, 'How long Redis keeps the presence of a room that no instance has members of any more; it is renewed each third of that.', 10),
  HEARTBEAT_MS: whole(3000, 'How often an instance says that it lives.', 1, LONGEST_TIMER_MS),
  LEASE_MS: whole(10_000, 'An instance that is silent for this long is gone, and its collaborators with it; within 15 s, the pace of the check included.', 1, LONGEST_TIMER_MS),

  // Leaving
  EVENT_LOOP_MAX_DELAY_MS: whole(1000, 'An event loop that was late by this much over the last second makes the instance not ready.', 10),
  DRAIN_DELAY_SECONDS: whole(2, 'How long /readyz says 503 before clients are moved: the load balancer must see it first. In development 0.', 0, 600),
  DRAIN_SECONDS: whole(10, 'Over how long clients are moved away, in jittered batches. In development 0.', 0, 600),
  CLOSE_TIMEOUT_MS: whole(10_000, 'How long after that requests under way may take to finish, and what waits for the webhook to be sent; then the process ends anyway.', 1, LONGEST_TIMER_MS)
})

export type Settings = Readonly<Static<typeof Settings>>
export type SettingName = keyof Settings

export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}

/**
 * Reads and checks all settings.
 * @param env names to texts, as `process.env`; an empty text counts as not set
 * @throws SettingsError that names every fault: the setting, and what it should be
 */
export function readSettings (env: Record<string, string | undefined>): Settings {
  const faults: string[] = []
  const faulty = new Set<SettingName>()
  const settings: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries<TSchema>(Settings.properties)) {
    const given = env[name]
    const value = given === undefined || given === '' ? schema.default as unknown : fromText(schema, given)
    settings[name] = value
    if (Value.Check(schema, value)) continue
    faulty.add(name as SettingName)
    faults.push(`${name} ${expectation(schema)}`)
  }
  faults.push(...faultsTogether(settings as Settings, faulty))
  for (const [given, meant] of misspelt(Object.keys(env), Object.keys(Settings.properties))) faults.push(`${given} is no setting; the nearest is ${meant}`)
  if (faults.length > 0) throw new SettingsError(`Settings that are not right:\n${faults.map(fault => `  - ${fault}`).join('\n')}`)
  return Object.freeze(settings as Settings)
}

function expectation (schema: TSchema): string {
  if (schema.type === 'integer') return `should be a whole number from ${String(schema['minimum'])} to ${String(schema['maximum'])}: ${String(schema.description)}`
  if (schema['pattern'] === SECRET_PATTERN) return 'should be at least 32 bytes'
  if (schema.type === 'boolean') return `should be true or false: ${String(schema.description)}`
  return `should match ${String(schema['pattern'])}: ${String(schema.description)}`
}
