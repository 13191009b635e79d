// Faults of instances, and of the Prometheus that watches them.
import { setTimeout as pause } from 'node:timers/promises'
import { call } from '../../../test/helpers/http.ts'
import { connect } from '../../../test/helpers/socket.ts'
import { token } from '../../../test/helpers/token.ts'
import { aheadBy } from '../../../test/helpers/wall-clock.ts'
import { repeat, type Drill } from '../drill.ts'
import { read } from '../site.ts'

/** A second signal this soon after the first counts as the same one. */
const SAME_SIGNAL_MS = 600
/** Node leaves out the first look at the loop after each scrape, and looks once in such a time. */
const STOPPED_MS = 330
const RUNNING_MS = 30
const MAX_SOCKETS = 20

export const instanceDrills: Drill[] = [
  {
    alert: 'RoomcastDown',
    fault: 'an instance is killed (SIGKILL), and nothing starts it again',
    says: 'Start it again',
    mended: 'it was started again',
    async breaks ({ nodes: [, node], start }) {
      await node.instance.kill('SIGKILL')
      return () => start(node)
    }
  },
  {
    alert: 'RoomcastAbsent',
    fault: 'the job has another name in the configuration of Prometheus',
    says: 'the job has another name',
    mended: 'the name `roomcast`, and Prometheus reloaded',
    async breaks ({ prometheus }) {
      await prometheus.rename('demo')
      return () => prometheus.rename()
    }
  },
  {
    alert: 'RoomcastNotReady',
    fault: 'a deploy hangs: an instance drains for 10 minutes (DRAIN_DELAY_SECONDS=600)',
    says: 'a second SIGTERM ends the process at once',
    mended: 'a second SIGTERM; the supervisor started it again',
    look: { at: async ({ nodes: [, , node] }) => (await call(node.instance.url, 'GET', '/readyz')).text, finds: /"draining"/ },
    async breaks ({ nodes: [, , node], start, restart }) {
      await restart(node, { DRAIN_DELAY_SECONDS: '600' })
      node.instance.process.kill('SIGTERM')
      return async () => {
        await pause(SAME_SIGNAL_MS)
        await node.instance.kill('SIGTERM')
        await start(node)
      }
    }
  },
  {
    alert: 'RoomcastRelayLate',
    fault: 'the clock of one instance is 2 s ahead',
    says: 'the clocks differ',
    mended: 'the clock was set right, and the instance restarted',
    look: { at: async ({ admin, nodes: [node] }) => clocksOf(await admin.time(), (await call(node.instance.url, 'GET', '/livez')).headers.get('date')), finds: /ahead/ },
    async breaks ({ nodes: [node], restart }, scope) {
      await restart(node, aheadBy(2))
      await read(scope, node.instance.url, 'reader-late')
      return () => restart(node)
    }
  },
  {
    alert: 'RoomcastEventLoopLate',
    fault: 'an instance gets a twelfth of a core (stopped for 330 ms of every 360)',
    says: 'a limit of its container',
    mended: 'the whole core',
    async breaks ({ nodes: [, node] }, scope) {
      return repeat(scope, RUNNING_MS, async () => {
        node.instance.pause()
        await pause(STOPPED_MS)
        node.instance.resume()
      })
    }
  },
  {
    alert: 'RoomcastNearlyFull',
    fault: `an instance with MAX_SOCKETS=${MAX_SOCKETS} has 17 clients or more`,
    says: 'restart the full one',
    mended: 'the full instance was restarted: its clients moved to the others',
    async breaks ({ nodes: [, , node], nginx, restart }, scope) {
      await restart(node, { MAX_SOCKETS: String(MAX_SOCKETS) })
      await Promise.all(Array.from({ length: 51 }, (_, i) => connect(scope, nginx.url, { token: token({ sub: `user-${i}` }), reconnection: true, transports: ['websocket'] })))
      return () => restart(node, { MAX_SOCKETS: String(MAX_SOCKETS) })
    }
  }
]

/** The time of Redis beside that of an instance, which HTTP gives in whole seconds. */
function clocksOf ([seconds]: Array<string | number>, date: string | null): string {
  return Date.parse(date ?? '') / 1000 - Number(seconds) > 0 ? 'ahead' : 'together'
}
