// Serves /openapi.json and /asyncapi.json (the socket side as AsyncAPI 3.0), and outside production their pages under /docs/.
import { createHash } from 'node:crypto'
import fp from 'fastify-plugin'
import { createAsyncApi } from '../services/documents/asyncapi.ts'
import { renderAsyncApi } from '../services/documents/asyncapi-page.ts'
import { PAGE_STYLE } from '../services/documents/asyncapi-style.ts'
import type { Settings } from '../services/settings.ts'
import openapi from './openapi.ts'
import { spellings } from './scope.ts'

/** Nothing but the style that stands in the page. */
const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

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
