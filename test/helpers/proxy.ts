// A TCP proxy in front of a real server, to slow down, silence or cut the network between two parties.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Scope } from './scope.ts'
import { freePort, HOST } from './ports.ts'

export type Direction = 'both' | 'toServer' | 'toClient'

export interface Proxy {
  port: number
  /** `redis://…` by default; give `http` for an instance. */
  url (scheme?: string): string
  /** Every byte takes this much longer, each way. 0 ends it. */
  delay (ms: number): void
  /** No bytes, no end: connections stay open, new ones are accepted and silent. After `heal` what was under way arrives. */
  blackhole (direction?: Direction): void
  /** Closes all connections and refuses new ones. */
  cut (): Promise<void>
  /** Back to normal, whatever was done. */
  heal (): Promise<void>
  /** Closes the connections of this moment; new ones are welcome. */
  dropAll (): void
  /**
   * Half-open: connections of this moment bring nothing to the client any more, and do not end; new ones are as usual.
   * @param ports only those whose port at the server's side is among these
   */
  strand (ports?: number[]): void
  /** Connections from now on lead to another server, as a load balancer would send them. */
  retarget (port: number): void
  connections (): number
}

/** One direction of all connections. */
interface Lane {
  delayMs: number
  silent: boolean
  /** Pending while silent. */
  open: Promise<void>
  setOpen: () => void
  sources: Set<Socket>
}

export async function startProxy (t: Scope, targetPort: number): Promise<Proxy> {
  const port = await freePort()
  const lanes = { toServer: createLane(), toClient: createLane() }
  const sockets = new Set<Socket>()
  const targets = new Set<Socket>()

  const server = createServer({ allowHalfOpen: true }, client => {
    const target = connect({ host: HOST, port: targetPort, allowHalfOpen: true })
    targets.add(target)
    target.once('close', () => targets.delete(target))
    for (const socket of [client, target]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
    carry(client, target, lanes.toServer)
    carry(target, client, lanes.toClient)
  })

  function dropAll () {
    for (const socket of sockets) socket.destroy()
  }

  async function listen () {
    server.listen(port, HOST)
    await once(server, 'listening')
  }

  async function cut () {
    dropAll()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }

  await listen()
  t.teardown(cut)

  return {
    port,
    url: (scheme = 'redis') => `${scheme}://${HOST}:${port}`,
    delay (ms) {
      lanes.toServer.delayMs = lanes.toClient.delayMs = ms
    },
    blackhole (direction = 'both') {
      if (direction !== 'toClient') silence(lanes.toServer)
      if (direction !== 'toServer') silence(lanes.toClient)
    },
    cut,
    async heal () {
      for (const lane of Object.values(lanes)) open(lane)
      if (!server.listening) await listen()
    },
    dropAll,
    strand (ports) {
      for (const target of targets) {
        if (ports !== undefined && !ports.includes(target.localPort ?? 0)) continue
        lanes.toClient.sources.delete(target)
        target.removeAllListeners('data').pause()
      }
    },
    retarget (port) { targetPort = port },
    connections: () => sockets.size / 2
  }
}

function createLane (): Lane {
  return { delayMs: 0, silent: false, open: Promise.resolve(), setOpen: () => undefined, sources: new Set() }
}

function silence (lane: Lane): void {
  if (lane.silent) return
  lane.silent = true
  lane.open = new Promise(resolve => { lane.setOpen = resolve })
  // Not read any more, so that the sender feels the back pressure of a reader that is gone.
  for (const source of lane.sources) source.pause()
}

function open (lane: Lane): void {
  lane.delayMs = 0
  lane.silent = false
  lane.setOpen()
  for (const source of lane.sources) source.resume()
}

function carry (source: Socket, sink: Socket, lane: Lane): void {
  let queue = Promise.resolve()
  const inTurn = (act: () => void) => {
    const due = Date.now() + lane.delayMs
    queue = queue.then(async () => {
      const early = due - Date.now()
      if (early > 0) await pause(early)
      await lane.open
      act()
    })
  }

  source.on('data', chunk => inTurn(() => {
    if (sink.destroyed || sink.write(chunk)) return
    source.pause()
    // What was already queued when it was paused must not wait for the same drain again.
    if (sink.listenerCount('drain') > 0) return
    sink.once('drain', () => { if (!lane.silent) source.resume() })
  }))
  source.on('end', () => inTurn(() => sink.end()))
  source.on('close', () => {
    lane.sources.delete(source)
    inTurn(() => sink.destroy())
  })
  // An error is followed by 'close', which passes it on.
  source.on('error', () => undefined)

  lane.sources.add(source)
  if (lane.silent) source.pause()
}
