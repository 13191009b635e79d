// The package of the socket layer. The build compiles it in (scripts/bundles.js): npm cannot install it as a dependency, since
// its install script asks for pnpm, and beside it comes a second Fastify.
import type { FastifyPluginAsync } from 'fastify'
import fastifySocketIO from 'fastify-socket.io'
import type { ServerOptions } from 'socket.io'

export interface SocketIOOptions extends Partial<ServerOptions> {
  preClose?: (done: () => void) => void
}

// It is CommonJS, and the type of its default export is lost on the way.
export default (fastifySocketIO as unknown as { default: FastifyPluginAsync<SocketIOOptions> }).default
