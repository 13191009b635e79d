// The interface of a service under test: Roomcast here, stock Socket.IO in bench/peers.
import type { Instance } from '../../test/helpers/instance.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import type { Item, Tally } from './tally.ts'

export type Running = Pick<Instance, 'url' | 'port' | 'pid' | 'kill' | 'pause' | 'resume' | 'ready'>

export interface Service {
  name: string
  /** Starts an instance. @param place of Redis: its URL, or the addresses of a cluster */
  launch (scope: Scope, place: string): Promise<Running>
  /** Publishes an item. @returns whether the answer was 2xx; after false, the item may be published again */
  publish (url: string, item: Item, signal: AbortSignal): Promise<boolean>
  /** Starts a stock client that survives all faults and reports to the tally. Resolves when it has joined. */
  follow (scope: Scope, url: string, tally: Tally): Promise<void>
}

/**
 * A stock client with shorter pauses, so that the table shows the service and not the client. It uses only WebSocket: a
 * client whose connection breaks while it upgrades from polling waits for its ping timeout, on any server.
 */
export const RECONNECTION = { transports: ['websocket'], reconnection: true, reconnectionDelay: 200, reconnectionDelayMax: 1000 }
