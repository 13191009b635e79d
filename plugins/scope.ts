// Isolates the service from whatever its host has registered or configured.
import type { FastifyInstance } from 'fastify'

/** Hides a host's decorator behind an empty one, so that a package does not find the host's registration. */
export function shadow (fastify: FastifyInstance, name: 'redis' | 'jwt'): void {
  const own = Object.create(null) as object
  // A getter also hides a read-only property of the host.
  fastify.decorate(name as string, { getter: () => own })
}

/** A URL with and without its final slash; only one of them if the host's router ignores the slash. */
export function spellings (fastify: FastifyInstance, url: string): string[] {
  const { ignoreTrailingSlash, routerOptions } = fastify.initialConfig
  return ignoreTrailingSlash === true || routerOptions?.ignoreTrailingSlash === true ? [url] : [url, url.slice(0, -1)]
}
