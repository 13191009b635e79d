// What makes the service fit into its context, whatever the host has registered and set.
import type { FastifyInstance } from 'fastify'

/** An empty namespace under that name: a package that looks for an earlier registration finds this one, not the host's. */
export function shadow (fastify: FastifyInstance, name: 'redis' | 'jwt'): void {
  const own = Object.create(null) as object
  // A getter, which also covers a host's property that cannot be assigned.
  fastify.decorate(name as string, { getter: () => own })
}

/** A url that ends with a slash, also without it; once where the host's router takes both as one. */
export function spellings (fastify: FastifyInstance, url: string): string[] {
  const { ignoreTrailingSlash, routerOptions } = fastify.initialConfig
  return ignoreTrailingSlash === true || routerOptions?.ignoreTrailingSlash === true ? [url] : [url, url.slice(0, -1)]
}
