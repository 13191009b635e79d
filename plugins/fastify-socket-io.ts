// Loads the Fastify plugin of the socket layer. The build bundles it (scripts/bundles.js), because npm cannot install it
// as a dependency: its install script needs pnpm, and it brings a second Fastify.
import type { FastifyPluginAsync } from 'fastify'
import fastifySocketIO from 'fastify-socket.io'
import type { ServerOptions } from 'socket.io'

export interface SocketIOOptions extends Partial<ServerOptions> {
  preClose?: (done: () => void) => void
}

// It is CommonJS, so the type of its default export is lost.
export default (fastifySocketIO as unknown as { default: FastifyPluginAsync<SocketIOOptions> }).default
