// Serves /openapi.json and /asyncapi.json (the socket side as AsyncAPI 3.0), and outside production their pages under /docs/.
import fp from 'fastify-plugin'
import { createAsyncApi } from '../services/documents/asyncapi.ts'
import { renderAsyncApi } from '../services/documents/asyncapi-page.ts'
import type { Settings } from '../services/settings.ts'
import openapi from './openapi.ts'
import { spellings } from './scope.ts'

const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

export default fp<{ settings: Settings }>(async (fastify, { settings }) => {
  await fastify.register(openapi, { settings })

  const document = createAsyncApi(settings)
  fastify.get('/asyncapi.json', { schema: { hide: true } }, async () => document)

  if (settings.NODE_ENV === 'production') return
  const page = renderAsyncApi(document)
  for (const url of spellings(fastify, '/docs/socket/')) {
    fastify.get(url, { schema: { hide: true } }, async (_request, reply) => {
      reply.type('text/html; charset=utf-8').header('content-security-policy', PAGE_POLICY)
      return page
    })
  }
}, { name: 'documents', fastify: '5.x' })
