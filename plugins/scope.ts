// What keeps packages inside the service's own context, whatever the host has registered.
import type { FastifyInstance } from 'fastify'

/** An empty namespace under that name: a package that looks for an earlier registration finds this one, not the host's. */
export function shadow (fastify: FastifyInstance, name: 'jwt' | 'redis'): void {
  const own = Object.create(null) as object
  // A getter, which also covers a host's property that cannot be assigned.
  fastify.decorate(name as string, { getter: () => own })
}
