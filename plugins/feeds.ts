// fastify.feeds: the rooms that this instance follows.
import fp from 'fastify-plugin'
import { createFeeds, type Feeds } from '../services/feeds/feeds.ts'

declare module 'fastify' {
  interface FastifyInstance {
    feeds: Feeds
  }
}

export default fp(async fastify => {
  const { broker, presence, occupancy, settings, metrics, log } = fastify
  const feeds = createFeeds({ broker, settings, metrics, log, onPresence: presence.onDelta, onReset: presence.onReset, onOccupancy: occupancy?.change })
  fastify.decorate('feeds', feeds)
  fastify.addHook('onReady', async () => { feeds.start() })
  fastify.addHook('onClose', async () => { await feeds.close() })
}, { name: 'feeds', fastify: '5.x', dependencies: ['broker', 'presence', 'occupancy'] })
