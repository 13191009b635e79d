// Serves /openapi.json: the HTTP side as OpenAPI 3.1, from the schemas of the routes; outside production also its page under /docs/.
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { TObject, TSchema } from '@sinclair/typebox'
import fp from 'fastify-plugin'
import type { FastifySchema } from 'fastify'
import { exampleOf } from '../services/documents/examples.ts'
import { plain, type Components } from '../services/documents/json-schema.ts'
import { UI_SCRIPT, UI_STYLE } from '../services/documents/openapi-style.ts'
import { packageInfo } from '../services/documents/package-info.ts'
import { WebhookBody } from '../services/hooks/events.ts'
import type { Settings } from '../services/settings.ts'

const BEARER = 'bearer'
/** The page may load scripts and styles from this instance only. */
const UI_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"

const tags = [
  { name: 'publish', description: 'Updates into rooms. Needs `publish` on the room.' },
  { name: 'rooms', description: 'What is in a room. History needs `subscribe` on it, presence `presence`.' },
  { name: 'operators', description: 'What goes on, and ends access, on every instance. Needs `manage`, on the room, the workspace or `*/*`.' },
  { name: 'health', description: 'For supervisors, load balancers and Prometheus; no token.' }
]

// Registered in our own context, so that a host's @fastify/swagger keeps its decorator, routes and document.
export default fp<{ settings: Settings }>(async (fastify, { settings }) => {
  const components: Components = {}

  await fastify.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Roomcast',
        version: packageInfo.version,
        license: { name: packageInfo.license, identifier: packageInfo.license } as { name: string },
        description: `${packageInfo.description}\n\nEvery answer is \`{ status, data, error }\` with a true HTTP status. The socket side is described in /asyncapi.json.`
      },
      tags,
      components: {
        securitySchemes: {
          [BEARER]: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Claims: `sub`, `exp`, and `capabilities`, for example `{ "acme/board-1": ["subscribe", "publish"] }`.' }
        }
      }
    },
    convertConstToEnum: false,
    transform: ({ schema, url }) => ({ schema: document(schema), url }),
    transformObject: documents => {
      const { openapiObject } = documents as { openapiObject: { components: object } }
      const webhooks = { events: { post: webhook() } }
      return { ...openapiObject, webhooks, components: { ...openapiObject.components, schemas: components } }
    }
  })

  // Created once at boot, so that errors are found early.
  fastify.addHook('onReady', async () => { fastify.swagger() })
  fastify.get('/openapi.json', { schema: { hide: true } }, async () => fastify.swagger())

  if (settings.NODE_ENV !== 'production') {
    await fastify.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: UI_POLICY,
      transformSpecification: specification => withLinks(specification as { info: object }),
      transformSpecificationClone: false,
      // With them, each operation is a link within a button.
      uiConfig: { deepLinking: false, docExpansion: 'list' },
      theme: {
        title: 'Roomcast over HTTP',
        css: [{ filename: 'roomcast.css', content: UI_STYLE }],
        js: [{ filename: 'roomcast.js', content: UI_SCRIPT }]
      }
    })
  }

  /** The document as the page shows it: with the way to the other page. */
  function withLinks (specification: { info: { description?: string } }): { info: object } {
    const { info } = specification
    return { ...specification, info: { ...info, description: `${info.description ?? ''}\n\n[Socket events](/docs/socket/) · [Playground](/)` } }
  }

  /** Converts the schema of a route to OpenAPI, with examples. The route itself is unchanged, because a host's document may include it. */
  function document (schema: FastifySchema | undefined): FastifySchema {
    if (schema === undefined || schema.hide === true) return { hide: true }
    const { body, headers, params, querystring, response, ...rest } = schema
    return {
      ...rest,
      // A route that can answer `auth/missing-token` requires a token.
      security: Object.hasOwn(response as object, 401) ? [{ [BEARER]: [] }] : [],
      ...body === undefined ? {} : { body: withExample(body as TSchema) },
      ...headers === undefined ? {} : { headers: withExamples(headers as TObject) },
      ...params === undefined ? {} : { params: withExamples(params as TObject) },
      ...querystring === undefined ? {} : { querystring: withExamples(querystring as TObject) },
      response: Object.fromEntries(Object.entries(response as Record<string, TSchema>).map(([status, answer]) => [status, answerOf(answer)]))
    }
  }

  function answerOf (answer: TSchema): object {
    const { description = 'Success', ...schema } = answer as TSchema
    if (schema.type === undefined) return { ...schema, 'x-response-description': description }
    const documented = 'x-examples' in schema ? plain(schema as TSchema, components) : withExample(schema as TSchema)
    return { ...documented, 'x-response-description': description }
  }

  /** The request to the receiver at WEBHOOK_URL. */
  function webhook (): object {
    const header = (name: string, description: string) => ({ name, in: 'header', required: true, description, schema: { type: 'string' } })
    return {
      summary: 'Events of rooms and members, in batches and in order',
      description: 'Sent to WEBHOOK_URL, with the events that WEBHOOK_EVENTS names, signed by https://www.standardwebhooks.com. Without a 2xx answer it is sent again with the same ids.',
      operationId: 'webhookEvents',
      security: [],
      parameters: [
        header('webhook-id', 'id of the batch, unchanged when it is sent again'),
        header('webhook-timestamp', 'time of sending in seconds since 1970'),
        header('webhook-signature', '`v1,` and the HMAC-SHA256 of `id.timestamp.body` with WEBHOOK_SECRET, in base64')
      ],
      requestBody: { required: true, content: { 'application/json': { schema: withExample(WebhookBody) } } },
      responses: { '2XX': { description: 'Accepted: it is not sent again.' }, default: { description: 'Not accepted: it is sent again.' } }
    }
  }

  function withExample (schema: TSchema): object {
    return { ...plain(schema, components), examples: [exampleOf(schema)] }
  }

  function withExamples (schema: TObject): object {
    const properties = Object.entries(schema.properties).map(([name, part]) => [name, { ...plain(part, components), examples: [exampleOf(part, name)] }])
    return { ...plain(schema, components), properties: Object.fromEntries(properties) }
  }
}, { name: 'openapi', fastify: '5.x' })
