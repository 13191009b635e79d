// Faults between an instance and Redis.
import { repeat, type Drill } from '../drill.ts'

export const networkDrills: Drill[] = [
  {
    alert: 'RoomcastPublishSlow',
    fault: 'the network to Redis takes 200 ms each way',
    says: '`redis-cli --latency`',
    mended: 'the network',
    look: { at: async ({ nodes: [node], admin }) => await latencyOf(admin.duplicate({ port: node.link.port })), finds: /slow/ },
    async breaks ({ nodes }) {
      for (const { link } of nodes) link.delay(200)
      return async () => { for (const { link } of nodes) link.delay(0) }
    }
  },
  {
    alert: 'RoomcastPositionChecksFail',
    fault: 'one instance is cut off from Redis',
    says: 'RoomcastRedisDown',
    mended: 'the network of that instance',
    async breaks ({ nodes: [, node] }) {
      await node.link.cut()
      return () => node.link.heal()
    }
  },
  {
    alert: 'RoomcastRedisLinksReplaced',
    fault: 'a firewall forgets connections: they stay open, and bring nothing (every 3.2 s)',
    says: 'a firewall or proxy drops connections',
    mended: 'the firewall keeps them',
    async breaks ({ nodes: [node] }, scope) {
      return repeat(scope, 3200, async () => node.link.strand())
    }
  }
]

async function latencyOf (client: { ping (): Promise<string>, disconnect (): void }): Promise<string> {
  await client.ping()
  const askedAt = performance.now()
  await client.ping()
  client.disconnect()
  return performance.now() - askedAt > 250 ? 'slow' : 'fast'
}
