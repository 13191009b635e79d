// Every metric of the service, in base units. Each instance of the app has its own registry.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import { BOUNDS, createLatency } from './latency.ts'

/** Between two looks at the event loop. Each wakes the process, and what is measured includes it. */
export const LOOP_PACE_MS = 100

export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics () {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_PACE_MS })

  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) => new Counter({ name, help, labelNames, registers })
  const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []) => new Gauge({ name, help, labelNames, registers })
  const latency = (name: string, help: string) => createLatency(name, help, registry)

  const metrics = {
    registry,
    sockets: gauge('roomcast_sockets', 'Connected sockets.'),
    socketsMax: gauge('roomcast_sockets_max', 'The most sockets of this instance, MAX_SOCKETS.'),
    tcpConnections: gauge('roomcast_tcp_connections', 'TCP connections of the process, including those that are not sockets.'),
    rooms: gauge('roomcast_rooms', 'Rooms that this instance follows, including warm rooms without members.'),
    feedBytes: gauge('roomcast_feed_bytes', 'Bytes of recent updates that feeds keep, including history that was read for returning clients.'),
    subscriptions: gauge('roomcast_subscriptions', 'Memberships: pairs of a socket and a room.'),
    bufferedBytes: gauge('roomcast_send_buffer_bytes', 'Bytes waiting in the send buffers of all sockets.'),
    connections: counter('roomcast_connections_total', 'Connections, by how they began.', ['outcome']),
    disconnects: counter('roomcast_disconnects_total', 'Connections, by why they ended.', ['reason']),
    published: counter('roomcast_updates_published_total', 'Updates that callers of this instance published.', ['kind', 'outcome']),
    relayed: counter('roomcast_updates_relayed_total', 'Updates relayed to the members of a room on this instance, counted once per update.', ['kind']),
    delivered: counter('roomcast_deliveries_total', 'Updates written to sockets, counted once per socket.'),
    recovered: counter('roomcast_updates_recovered_total', 'Updates replayed to sockets that had missed them.'),
    recoveries: counter('roomcast_recoveries_total', 'Subscriptions with `since` and rooms of returning stock clients, by whether everything was recovered.', ['outcome']),
    stockRecoveries: counter('roomcast_stock_recoveries_total', 'Reconnects of stock clients with positions, by whether all their rooms were recovered, or why not.', ['outcome']),
    dropped: counter('roomcast_messages_dropped_total', 'Messages from the broker, or ephemeral updates for a socket, that were dropped.', ['reason']),
    repairs: counter('roomcast_repairs_total', 'Holes that were filled from history, by how they were detected.', ['found_by']),
    positionChecks: counter('roomcast_position_checks_total', 'Comparisons of feeds with their rooms, by outcome.', ['outcome']),
    positionRoundSeconds: gauge('roomcast_position_round_seconds', 'From the start of one comparison of all feeds with their rooms to the start of the next.'),
    resets: counter('roomcast_feed_resets_total', 'Feeds whose members were told that the history is insufficient, by reason.', ['reason']),
    historyReads: counter('roomcast_history_reads_total', 'Reads of history from the broker.'),
    readsWaiting: gauge('roomcast_reads_waiting', 'Reads of history and presence that are queued.'),
    limits: counter('roomcast_limit_hits_total', 'How often a limit was hit.', ['limit']),
    errors: counter('roomcast_errors_total', 'Errors answered, by code and transport.', ['code', 'transport']),
    commands: counter('roomcast_commands_total', 'Commands of operators that this instance carried out.', ['command']),
    revocations: gauge('roomcast_revocations', 'Revocations in memory.'),
    publishSeconds: latency('roomcast_publish_duration_seconds', 'Time from a valid publish to its receipt.'),
    lagSeconds: latency('roomcast_relay_lag_seconds', "Time from the broker's publish time to the relay on this instance; needs synchronized clocks."),
    logErrors: counter('roomcast_log_errors_total', 'Log lines that could not be written.'),
    webhooks: counter('roomcast_webhook_events_total', 'Events for the webhook, by outcome.', ['outcome']),
    webhooksWaiting: gauge('roomcast_webhook_events_waiting', 'Events that wait for the webhook, over all instances.'),
    redisUp: gauge('roomcast_redis_up', 'Whether the link to Redis is up; in a cluster, to every master.', ['link']),
    redisShardUp: gauge('roomcast_redis_shard_up', 'Whether probes come back from this master of Redis.', ['shard']),
    redisReconnects: counter('roomcast_redis_reconnects_total', 'Attempts to connect to Redis again.', ['link']),
    redisReplaced: counter('roomcast_redis_links_replaced_total', 'Links to Redis that were replaced because they were silent or unusable.'),
    probeSeconds: new Histogram({ name: 'roomcast_probe_duration_seconds', help: 'Time from the publish of a probe to its echo, by master of Redis.', labelNames: ['shard'], buckets: BOUNDS, registers }),
    probeAge: gauge('roomcast_probe_age_seconds', 'Time since the last probe that came back, from the shard that has been silent for longest.'),
    ready: gauge('roomcast_ready', 'Whether /readyz answers 200.')
  }
  // The increase of a series that begins with its first event is 0, so no alert would see that event.
  for (const reason of ['epoch', 'history', 'behind', 'conflict', 'replay']) metrics.resets.inc({ reason }, 0)
  for (const reason of ['known', 'garbage']) metrics.dropped.inc({ reason }, 0)
  for (const limit of ['slow-client', 'redis-pending', 'redis-pending-bytes']) metrics.limits.inc({ limit }, 0)
  for (const outcome of ['delivered', 'dropped']) metrics.webhooks.inc({ outcome }, 0)
  for (const outcome of ['done', 'failed']) metrics.positionChecks.inc({ outcome }, 0)
  for (const outcome of ['recovered', 'insufficient']) metrics.recoveries.inc({ outcome }, 0)
  for (const outcome of ['published', 'broker/unavailable', 'broker/timeout', 'server/internal']) metrics.published.inc({ kind: 'update', outcome }, 0)
  return metrics
}
