// Loads OpenTelemetry only when it is configured: its packages are optional peers.
import { SettingsError } from '../settings.ts'

export const tracingPackages = ['@opentelemetry/sdk-node', '@fastify/otel', '@opentelemetry/instrumentation-ioredis']

/** @throws SettingsError that says what to install */
export async function loadTracing (): Promise<typeof import('./tracing-sdk.ts')> {
  try {
    return await import('./tracing-sdk.ts')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new SettingsError(`OTEL_EXPORTER_OTLP_ENDPOINT is set, but the OpenTelemetry packages are not installed: run npm install ${tracingPackages.join(' ')}`, { cause: error })
  }
}
