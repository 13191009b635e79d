// Starts OpenTelemetry with its own instrumentations. Loaded only when OTEL_EXPORTER_OTLP_ENDPOINT is set.
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis'
import { NodeSDK } from '@opentelemetry/sdk-node'

export interface Tracing {
  /** The Fastify plugin, which must be registered before all others. */
  plugin: FastifyOtelInstrumentation['plugin']
  /** Sends the remaining spans and stops. */
  stop: () => Promise<void>
}

export function startTracing (): Tracing {
  const fastify = new FastifyOtelInstrumentation({ instrumentHooks: false, ignorePaths: '/{livez,readyz,metrics}' })
  const sdk = new NodeSDK({
    serviceName: process.env['OTEL_SERVICE_NAME'] ?? 'roomcast',
    // Only the name of a command: its arguments contain payloads.
    instrumentations: [fastify, new IORedisInstrumentation({ dbStatementSerializer: command => command })]
  })
  sdk.start()
  return { plugin: () => fastify.plugin(), stop: () => sdk.shutdown() }
}
