// What nginx in front costs: memory of a connection, and its processor time for a delivery.
import { startNginx } from '../test/helpers/nginx.ts'
import { startRedis } from '../test/helpers/redis.ts'
import { createScope } from './chaos/scope.ts'
import { runLoad } from './load/spec.ts'
import { peerOf, ROOMCAST } from './peers/peers.ts'
import { phaseOf, sum, type Load } from './scenarios/scenario.ts'

export interface NginxResult {
  kibPerConnection: number
  microsecondsADelivery: number
}

const LOAD: Load = {
  instances: 1,
  rooms: 1,
  // More from one address at once it would turn away.
  members: 900,
  place: 'first',
  connections: 8,
  settleMs: 500,
  memoryFrom: 200,
  phases: [{ name: 'warm', publishes: 100, window: 4 }, { name: 'paced', publishes: 100, rate: 40 }]
}

export async function measureNginx (): Promise<NginxResult> {
  const scope = createScope()
  try {
    const redis = await startRedis(scope)
    const launch = () => peerOf(ROOMCAST).launch(scope, redis.url)
    const [a, b, c] = [await launch(), await launch(), await launch()]
    const nginx = await startNginx(scope, [a.port, b.port, c.port])
    const proxy = { port: Number(new URL(nginx.url).port), pid: nginx.pid, insidePort: a.insidePort }
    const result = await runLoad(scope, { peer: ROOMCAST, load: LOAD, servers: [proxy], publishPort: a.port, redisPid: redis.pid })
    const { servers, delivered } = phaseOf(result, 'paced')
    return { kibPerConnection: result.memory?.kibPerConnection ?? NaN, microsecondsADelivery: sum(servers) / delivered }
  } catch (error) {
    scope.fail()
    throw error
  } finally {
    await scope.close()
  }
}
