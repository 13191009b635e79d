// A service under test, as the harness sees it: Roomcast here, stock Socket.IO in bench/peers.
import type { Instance } from '../../test/helpers/instance.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import type { Item, Tally } from './tally.ts'

export type Running = Pick<Instance, 'url' | 'port' | 'pid' | 'kill' | 'pause' | 'resume' | 'ready'>

export interface Service {
  name: string
  /** Starts an instance on a Redis. */
  launch (scope: Scope, redisUrl: string): Promise<Running>
  /** Whether it was answered 2xx. The same item may come again after false. */
  publish (url: string, item: Item, signal: AbortSignal): Promise<boolean>
  /** A stock client that goes on through everything and reports to the tally. Resolves when it has joined. */
  follow (scope: Scope, url: string, tally: Tally): Promise<void>
}

/**
 * A stock client, only with less patience: the table shows the service, not the client's pauses. WebSocket alone: a client
 * whose connections break right while it upgrades from polling stands still until its ping time-out, whatever the server.
 */
export const RECONNECTION = { transports: ['websocket'], reconnection: true, reconnectionDelay: 200, reconnectionDelayMax: 1000 }
