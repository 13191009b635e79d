// Starts OpenTelemetry with the ecosystem's own instrumentation; loaded only where OTEL_EXPORTER_OTLP_ENDPOINT is set.
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis'
import { NodeSDK } from '@opentelemetry/sdk-node'

export interface Tracing {
  /** The Fastify plugin, to be registered before all others. */
  plugin: FastifyOtelInstrumentation['plugin']
  /** Sends what is left. */
  stop: () => Promise<void>
}

export function startTracing (): Tracing {
  const fastify = new FastifyOtelInstrumentation({ instrumentHooks: false, ignorePaths: '/{livez,readyz,metrics}' })
  const sdk = new NodeSDK({
    serviceName: process.env['OTEL_SERVICE_NAME'] ?? 'roomcast',
    // The name of a command only: its arguments hold payloads.
    instrumentations: [fastify, new IORedisInstrumentation({ dbStatementSerializer: command => command })]
  })
  sdk.start()
  return { plugin: () => fastify.plugin(), stop: () => sdk.shutdown() }
}
