// /asyncapi.json: the socket side as AsyncAPI 3.0; outside production also as a page at /docs/socket/.
import fp from 'fastify-plugin'
import { createAsyncApi } from '../services/documents/asyncapi.ts'
import { renderAsyncApi } from '../services/documents/asyncapi-page.ts'

const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

export default fp(async fastify => {
  const document = createAsyncApi(fastify.settings)
  fastify.get('/asyncapi.json', { schema: { hide: true } }, async () => document)

  if (fastify.settings.NODE_ENV === 'production') return
  const page = renderAsyncApi(document)
  for (const path of ['/docs/socket', '/docs/socket/']) {
    fastify.get(path, { schema: { hide: true } }, async (_request, reply) => {
      reply.type('text/html; charset=utf-8').header('content-security-policy', PAGE_POLICY)
      return page
    })
  }
}, { name: 'asyncapi', fastify: '5.x', dependencies: ['settings'] })
