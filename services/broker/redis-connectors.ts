// Sockets for ioredis that survive a second error. ioredis listens for one; TLS may report another one after it, which would
// end the process.
import type { EventEmitter } from 'node:events'
import { SentinelConnector, type Redis, type RedisOptions, type StandaloneConnectionOptions } from 'ioredis'
import standalone from 'ioredis/built/connectors/StandaloneConnector.js'

type Connecting = SentinelConnector['connect']
type ConnectToSentinel = (sentinel: unknown, options?: RedisOptions) => Redis

/** To one address. */
export class DirectConnector extends standalone.default {
  constructor (options: unknown) {
    super(options as StandaloneConnectionOptions)
  }

  override async connect (...args: Parameters<Connecting>): ReturnType<Connecting> {
    return guarded(await super.connect(...args))
  }
}

/** To the master that the Sentinels name. The connections to these are direct. */
export class MasterConnector extends SentinelConnector {
  constructor (options: unknown) {
    super(options as ConstructorParameters<typeof SentinelConnector>[0])
    const inner = this as unknown as { connectToSentinel: ConnectToSentinel }
    const connectToSentinel = inner.connectToSentinel.bind(this)
    inner.connectToSentinel = (sentinel, more) => connectToSentinel(sentinel, { ...more, Connector: DirectConnector })
  }

  override async connect (...args: Parameters<Connecting>): ReturnType<Connecting> {
    return guarded(await super.connect(...args))
  }
}

/** The first error is reported by ioredis, and after it the socket is closed. */
function guarded<T extends EventEmitter> (stream: T): T {
  return stream.on('error', () => {})
}
