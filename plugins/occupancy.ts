// fastify.occupancy: tells a team's backend which rooms come and go; undefined where no webhook is configured.
import fp from 'fastify-plugin'
import { createOccupancy, type Occupancy } from '../services/hooks/occupancy.ts'
import { createWebhook } from '../services/hooks/webhook.ts'

declare module 'fastify' {
  interface FastifyInstance {
    occupancy: Occupancy | undefined
  }
}

export default fp(async fastify => {
  const { broker, peers, settings, metrics, log } = fastify
  fastify.decorate('occupancy', undefined)
  if (settings.WEBHOOK_URL === '') return
  const webhook = createWebhook({ settings, metrics, log })
  const occupancy = createOccupancy({ broker, peers, log, onChange: webhook.add })
  peers.onBeat(occupancy.onBeat)
  fastify.occupancy = occupancy
  fastify.addHook('onClose', async () => {
    await occupancy.close()
    await webhook.close()
  })
}, { name: 'occupancy', fastify: '5.x', dependencies: ['broker', 'peers'] })
