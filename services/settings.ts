// Every setting: name, unit, default and reason in one schema. settings/read.ts reads and checks them.
import { Type, type Static } from '@sinclair/typebox'

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

const WEBHOOK_EVENT = '(room\\.occupied|room\\.vacated|member\\.joined|member\\.left)'

export const SECRET_PATTERN = '^$|^[\\s\\S]{32,}$'

export const Settings = Type.Object({
  // Process
  NODE_ENV: choice(['production', 'development', 'test'], 'development', 'production: needs a key to start, no playground, JSON logs. development: stops at once, readable logs on a terminal.'),
  HOST: text('127.0.0.1', 'Address to listen on; 0.0.0.0 in a container. "localhost" is refused, because it would open a second listener without Socket.IO.', { pattern: '^(?!localhost$).+$' }),
  PORT: whole(3000, 'Port to listen on.', 0, 65535),
  LOG_LEVEL: choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info', 'How much to log. Tokens and payloads are never logged.'),
  INSTANCE_NAME: text('', 'Name of this instance in logs and session ids; nginx routes long polling by it. For example the pod name. Empty: generated at start.', { pattern: '^[A-Za-z0-9-]{0,63}$' }),
  REQUEST_TIMEOUT_MS: whole(10_000, 'The time in which a request must arrive completely. Protects against clients that send very slowly.', 1, LONGEST_TIMER_MS),
  LINGER_MS: whole(500, 'How long a refused caller may take to read its answer and to close; after that, the service closes the connection.', 1, 1000),
  MAX_DISCARDED_BYTES: whole(16_777_216, 'How much of a too large body is read and dropped, so that the caller can read the 413 answer.', 0),
  TRUST_PROXY: text('', 'Addresses or ranges of the proxies whose X-Forwarded-For is trusted, comma-separated. Empty: none.'),

  // Tokens
  JWT_SECRET: text('', 'Shared secret, HS256, at least 32 bytes. Set exactly one of JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS_URL. Without any, a random secret is used for this run, outside production only.', { pattern: SECRET_PATTERN }),
  JWT_SECRET_PREVIOUS: text('', 'The secret before the last rotation. Its tokens are still accepted, but it signs no new ones.', { pattern: SECRET_PATTERN }),
  JWT_PUBLIC_KEY: text('', 'Public key in PEM, with \\n for line ends. RSA means RS256, P-256 means ES256, Ed25519 means EdDSA.'),
  JWT_JWKS_URL: text('', 'URL of the issuer\'s keys, for RS256, ES256 and EdDSA.', { pattern: '^$|^https?://' }),
  JWT_ISSUER: text('', 'Required value of `iss`. Empty: not checked.'),
  JWT_AUDIENCE: text('', 'Required value of `aud`. Empty: not checked.'),
  TOKEN_MAX_SECONDS: whole(2_592_000, 'The longest remaining lifetime of a token; a longer one is refused, because revocations must be kept at least as long.', 1),
  CLOCK_TOLERANCE_SECONDS: whole(5, 'How far in the future `nbf` and `iat` may be, because clocks differ. Until then, a token is refused as retryable. Does not apply to `exp`.', 0, 600),
  TOKEN_CACHE_SIZE: whole(5000, 'How many verified tokens are cached; the least recently used are dropped. Their times, keys and revocations are still checked at every use.', 1),
  TOKEN_EXPIRING_SECONDS: whole(60, 'How long before the expiry of a token its client is told.', 1),
  JWKS_CACHE_SECONDS: whole(600, 'How long fetched keys are used before they are fetched again.', 1),
  JWKS_REFETCH_SECONDS: whole(30, 'Unknown key ids cause at most one fetch in this time, so that a flood of invented ids does not reach the issuer.', 1),
  JWKS_TIMEOUT_MS: whole(3000, 'How long to wait for the issuer.', 1, LONGEST_TIMER_MS),
  JWKS_MAX_BYTES: whole(65_536, 'The largest accepted answer of the issuer.', 1),

  // Redis
  REDIS_URL: text('', 'redis://user:password@host:port/database, or rediss:// for TLS; write # / ? % in the password as %23 %2F %3F %25. Empty (and no Sentinels, no cluster): the embedded broker, for one instance only.', { pattern: '^$|^rediss?://' }),
  REDIS_SENTINELS: text('', 'host:port of the Sentinels, comma-separated; user, password, database and TLS (also for the Sentinels) are then taken from REDIS_URL, if set, and its host is ignored.', { pattern: ADDRESSES }),
  REDIS_SENTINEL_NAME: text('mymaster', 'Name of the master at the Sentinels.'),
  REDIS_SENTINEL_USERNAME: text('', 'User for the Sentinels. Empty: the default user.'),
  REDIS_SENTINEL_PASSWORD: text('', 'Password for the Sentinels, without percent-encoding.'),
  REDIS_CLUSTER: text('', 'host:port of some nodes of a Redis Cluster (Redis 7 or newer), comma-separated; Roomcast finds the others through them. User, password and TLS are then taken from REDIS_URL, if set, and its host is ignored.', { pattern: ADDRESSES }),
  REDIS_PREFIX: text('roomcast', 'First part of every key and channel, so that several services can share one Redis. Must not end with a slash and a number, which marks the channels of another database.', { pattern: '^(?!.*/\\d+$)[^{}]{1,64}$' }),
  PUBLISH_TIMEOUT_MS: whole(1000, 'The time in which a publish must get its receipt. After that, the caller gets 503, and Redis refuses the update.', 1, LONGEST_TIMER_MS),
  SUBSCRIBE_TIMEOUT_MS: whole(1000, 'How long a SUBSCRIBE waits for a reconnect to Redis before it is refused.', 0, LONGEST_TIMER_MS),
  REDIS_MAX_PENDING: whole(10_000, 'The most unanswered commands to Redis (to each master of a cluster); more are refused at once. At least PUBLISH_BURST, so that a burst alone does not reach it.', 1),
  REDIS_MAX_PENDING_BYTES: whole(67_108_864, 'The most bytes in the arguments of these commands; more are refused at once, so that a hanging Redis does not fill the memory. Each master of a cluster gets an equal part, so that a hanging one does not use up that of the others.', 1024),
  REDIS_RECONNECT_MAX_MS: whole(500, 'Longest pause between two attempts to connect. Updates must flow again within 2 s after Redis answers.', 1, LONGEST_TIMER_MS),
  PROBE_INTERVAL_MS: whole(1000, 'How often an instance publishes to itself through Redis.', 1, LONGEST_TIMER_MS),
  PROBE_TIMEOUT_MS: whole(2500, 'Without an echo of a probe for this long, the instance is not ready and replaces its links to Redis. Readiness must change within 3 s.', 1, LONGEST_TIMER_MS),
  POSITION_CHECK_MS: whole(3000, 'How often the positions of all feeds are compared with the rooms in Redis. Detects a lost last update within 5 s.', 1, LONGEST_TIMER_MS),
  POSITION_CHECKS_PER_SECOND: whole(700, 'The most rooms that an instance compares per second. With more rooms than fit into POSITION_CHECK_MS, each is compared less often.', 1),
  READS_AT_ONCE: whole(16, 'The most concurrent reads of history and presence from Redis. More are queued, and callers take turns.', 1),
  READS_MAX_BYTES: whole(8_388_608, 'The largest total size of the answers to these reads. Publishes and probes wait behind them.', 1),

  // History
  HISTORY_SIZE: whole(1000, 'Updates kept per room.', 1),
  HISTORY_TTL_SECONDS: whole(600, 'How long the history of a room is kept after its newest update. A client can be away for this long.', 1),
  IDEMPOTENCY_TTL_SECONDS: whole(600, 'How long the id of a caller is remembered, so that a retry publishes nothing.', 1),
  ROOM_TTL_SECONDS: whole(2_592_000, 'How long a room keeps its epoch and offset after its last update. A room without any update lives for twice HISTORY_TTL_SECONDS after its last member.', 1),
  READ_ROOM_TTL_SECONDS: whole(300, 'How long a room lives that was only read: long enough to subscribe from the position that was read.', 1),
  COMMANDS_HISTORY_SIZE: whole(100_000, 'How many operator commands are kept, including revocations. Each takes about 300 bytes.', 1),
  FEED_TAIL_BYTES: whole(1_048_576, 'Bytes of a room\'s newest updates that an instance keeps, to serve returning clients without reading Redis. Takes about twice this memory.', 0),
  FEEDS_MAX_BYTES: whole(67_108_864, 'The most bytes of recent updates that an instance keeps over all rooms, including history read for returning clients. Rooms quiet for longest lose theirs first.', 0),
  HISTORY_READ_BYTES: whole(1_048_576, 'The most bytes of one history read. A longer replay needs several.', 1),
  STOCK_RECOVERY: flag(true, 'Whether an unmodified socket.io-client recovers on its own: updates carry the positions of its rooms, and the client sends them back when it reconnects. A client with `positions: false` in its handshake gets none.'),
  STOCK_RECOVERY_TIMEOUT_MS: whole(5000, 'How long such a client waits for its rooms while the broker is unavailable, at most half of AUTH_TIMEOUT_MS. After that, it starts without rooms.', 1, LONGEST_TIMER_MS),
  ROOM_LINGER_MS: whole(10_000, 'How long an instance stays subscribed to a room after its last member left, so that a reconnect finds it warm.', 0, LONGEST_TIMER_MS),
  EMBEDDED_MAX_ROOMS: whole(100_000, 'The most rooms of the embedded broker, and again as many that were only read. The least recently used are deleted first.', 1),
  EMBEDDED_MAX_RECEIPTS: whole(100_000, 'The most ids of callers that the embedded broker remembers. The oldest are deleted first.', 1),
  EMBEDDED_MAX_BYTES: whole(268_435_456, 'The most bytes of history in the embedded broker over all rooms. Rooms quiet for longest lose theirs first.', 1),

  // Limits
  MAX_PAYLOAD_BYTES: whole(65_536, 'Largest payload, as UTF-8 JSON.', 1),
  MAX_PAYLOAD_DEPTH: whole(256, 'Deepest nesting of a payload. Deeper values can exhaust the stack of a reader.', 1, 2000),
  MAX_BATCH: whole(100, 'Updates in one batch.', 1),
  MAX_PACKET_BYTES: whole(524_288, 'Largest packet or long-polling body from a client. An escaped payload must fit.', 1024),
  MAX_BUFFERED_BYTES: whole(1_048_576, 'The most bytes that the process buffers for one connection. Above this, the connection is terminated. Replay uses at most half of it.', 1024),
  AUTH_MAX_BUFFERED_BYTES: whole(65_536, 'The same for a connection that has not authenticated, which never receives anything large.', 1024),
  EPHEMERAL_MAX_BUFFERED_BYTES: whole(65_536, 'A socket with more waiting bytes than this gets no ephemeral updates.', 0),
  MEMBERS_PER_TURN: whole(100, 'Members of one room that are sent an update in one turn of the event loop. In a larger room the others follow in the next turns, so that an update blocks nobody for more than milliseconds.', 1),
  STALL_TIMEOUT_MS: whole(4500, 'A socket that reads nothing for this long is terminated: within 5 s, including the interval of the check.', 100, LONGEST_TIMER_MS),
  POLLING_STALL_TIMEOUT_MS: whole(20_000, 'The same for long polling, where only the next poll shows that the last answer was read.', 100, LONGEST_TIMER_MS),
  CONTROL_FRAMES_PER_SECOND: whole(10, 'WebSocket pings and pongs of one client per second, on average. Each ping is answered. Normal heartbeats come every few seconds.', 1),
  CONTROL_FRAME_BURST: whole(100, 'WebSocket pings and pongs of one client in a burst.', 1),
  AUTH_TIMEOUT_MS: whole(10_000, 'The time in which a connection must authenticate; after that it is closed.', 1, LONGEST_TIMER_MS),
  MAX_CONNECTIONS: whole(25_000, 'TCP connections of the process, including silent ones; more are closed at once. Higher than MAX_SOCKETS, so that publishes and health checks can still connect.', 1),
  LISTEN_BACKLOG: whole(4096, 'TCP connections that wait in the kernel until the process takes them, so that clients that all come back at once wait instead of being dropped, for which a proxy would shut out the instance. The system may allow fewer (net.core.somaxconn).', 1),
  MAX_SOCKETS: whole(20_000, 'Sockets of this instance; more are refused and can connect to another instance.', 1),
  MAX_SOCKETS_PER_USER: whole(1000, 'Sockets of one user on this instance: far more than tabs and devices, because kiosks and scripts may share a user.', 1),
  MAX_ROOMS: whole(50_000, 'Rooms that this instance follows, including warm empty ones, which are dropped first.', 1),
  MAX_ROOMS_PER_SOCKET: whole(500, 'Rooms that one socket may be in.', 1),
  CONNECTIONS_PER_SECOND: whole(500, 'New connections to this instance per second, on average.', 1),
  CONNECTION_BURST: whole(2000, 'New connections in a burst, for example when another instance fails.', 1),
  EVENTS_PER_SECOND: whole(200, 'Events of one socket per second, on average. Enough for a cursor at the frame rate of a screen.', 1),
  EVENT_BURST: whole(1000, 'Events of one socket in a burst, for example when a client subscribes to all its rooms again.', 1),
  PUBLISHES_PER_SECOND: whole(5000, 'Publishes of one user per second on this instance, on average, over HTTP and sockets together.', 1),
  PUBLISH_BURST: whole(10_000, 'Publishes of one user in a burst.', 1),
  READS_PER_SECOND: whole(100, 'Requests of one user for history or presence over HTTP per second, on average.', 1),
  READ_BURST: whole(300, 'Requests of one user for history or presence in a burst.', 1),
  COMMANDS_PER_SECOND: whole(100, 'Commands of one operator (disconnect, unsubscribe, revoke, restore) per second, on average. Each is sent to every instance and kept.', 1),
  COMMAND_BURST: whole(1000, 'Commands of one operator in a burst.', 1),
  QUESTIONS_PER_SECOND: whole(20, 'Questions of one operator (rooms, a room, sessions, instances) per second, on average. Each is sent to every instance.', 1),
  QUESTION_BURST: whole(200, 'Questions of one operator in a burst.', 1),
  QUESTION_ANSWER_BYTES: whole(131_072, 'Most bytes that one instance answers to a question, except that one row is always sent. A page that would need more gets shorter.', 1024),

  // Browsers
  INSPECTOR: flag(true, 'Whether the page for operators is served at /inspector/. It shows nothing without a token that allows manage.'),
  CORS_ORIGINS: text('', 'Other origins that may use the service, comma-separated, for example https://app.example.com. Empty: only the same origin.'),
  SOCKET_PATH: text('/socket.io/', 'Path of the Socket.IO endpoint.', { pattern: '^/.+/$' }),
  PING_INTERVAL_MS: whole(25_000, 'Interval of the heartbeats of a connection.', 1, LONGEST_TIMER_MS),
  PING_TIMEOUT_MS: whole(20_000, 'A heartbeat that is unanswered for this long ends the connection. Far longer than any delay of the event loop.', 1, LONGEST_TIMER_MS),

  // Tracing
  OTEL_EXPORTER_OTLP_ENDPOINT: text('', 'Where traces go, as OTLP over HTTP, e.g. http://collector:4318. Empty: tracing is off. Needs packages; the service names those that are missing. Other OTEL_ variables apply as usual.', { pattern: '^$|^https?://' }),

  // Webhook
  WEBHOOK_URL: text('', 'Receives an event when a room gets its first member over all instances, or loses its last, and when users join and leave (WEBHOOK_EVENTS). Empty: no webhook.', { pattern: '^$|^https?://' }),
  WEBHOOK_EVENTS: text('room.occupied,room.vacated', 'The events that are sent, comma-separated: room.occupied, room.vacated, member.joined, member.left. Members only on request, because they are many more events, and personal data.', { pattern: `^${WEBHOOK_EVENT}(,${WEBHOOK_EVENT})*$` }),
  WEBHOOK_SECRET: text('', 'Key that signs each request, as in Standard Webhooks (whsec_… or any text).'),
  WEBHOOK_TIMEOUT_MS: whole(5000, 'How long to wait for the answer.', 1, LONGEST_TIMER_MS),
  WEBHOOK_BATCH_MS: whole(500, 'How long events are collected before they are sent together.', 1, LONGEST_TIMER_MS),
  WEBHOOK_BATCH_SIZE: whole(100, 'The most events in one request.', 1),
  WEBHOOK_QUEUE_SIZE: whole(10_000, 'The most waiting events while the receiver is unavailable. Beyond that, the oldest are dropped, logged and counted.', 1),
  WEBHOOK_RETRY_MAX_MS: whole(60_000, 'Longest pause before a retry. The first pause is one second, and each is twice the one before.', 1, LONGEST_TIMER_MS),

  // Presence
  PRESENCE_MAX: whole(1000, 'Above this many collaborators in a room, only the count is sent.', 0),
  PRESENCE_SHARE_EMAIL: flag(false, 'Whether collaborators see each other\'s email.'),
  PRESENCE_LINGER_MS: whole(5000, 'How long a collaborator stays visible after losing the connection, so that a reconnect causes no leave and join.', 0, LONGEST_TIMER_MS),
  PRESENCE_BATCH_MS: whole(100, 'Interval at which joins and leaves of a room are announced together.', 0, LONGEST_TIMER_MS),
  PRESENCE_COUNT_MS: whole(1000, 'Interval at which the count of a room above PRESENCE_MAX is announced. It goes to very many sockets.', 0, LONGEST_TIMER_MS),
  PRESENCE_STATE_BYTES: whole(1024, 'The most bytes of a session\'s state as JSON. It is sent to everyone in the room.', 2),
  PRESENCE_TTL_SECONDS: whole(3600, 'How long Redis keeps the presence of a room without members. Renewed after each third of it while there are members.', 10),
  HEARTBEAT_MS: whole(3000, 'Interval of an instance\'s heartbeats.', 1, LONGEST_TIMER_MS),
  LEASE_MS: whole(10_000, 'An instance that is silent for this long counts as dead, and its collaborators are removed: within 15 s, including the interval of the check.', 1, LONGEST_TIMER_MS),

  // Leaving
  EVENT_LOOP_MAX_DELAY_MS: whole(1000, 'If the event loop was late by more than this within the last second, the instance is not ready.', 10),
  DRAIN_DELAY_SECONDS: whole(2, 'How long /readyz answers 503 before clients are moved, so that the load balancer notices first. 0 in development.', 0, 600),
  DRAIN_SECONDS: whole(10, 'The time over which clients are moved away, in jittered batches. 0 in development.', 0, 600),
  CLOSE_TIMEOUT_MS: whole(10_000, 'How long after that requests may take to finish and webhook events to be sent. Then the process exits anyway.', 1, LONGEST_TIMER_MS)
})

export type Settings = Readonly<Static<typeof Settings>>
export type SettingName = keyof Settings

export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}
