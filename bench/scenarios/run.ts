// One run of a scenario with one peer: a private Redis, fresh instances, the load; all gone when it is over.
import { createScope } from '../chaos/scope.ts'
import { runLoad } from '../load/spec.ts'
import { peerOf } from '../peers/peers.ts'
import type { LoadResult, Scenario } from './scenario.ts'
import { startRedis } from '../../test/helpers/redis.ts'

export async function runScenario ({ load }: Scenario, peer: string): Promise<LoadResult> {
  const scope = createScope()
  try {
    const redis = await startRedis(scope)
    const servers = await Promise.all(Array.from({ length: load.instances }, () => peerOf(peer).launch(scope, redis.url)))
    return await runLoad(scope, { peer, load, servers, redisPid: redis.pid })
  } catch (error) {
    scope.fail()
    throw error
  } finally {
    await scope.close()
  }
}
