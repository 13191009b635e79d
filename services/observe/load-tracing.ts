// OpenTelemetry comes only to those who ask for it: its packages are optional peers.
import { SettingsError } from '../settings.ts'

export const tracingPackages = ['@opentelemetry/sdk-node', '@fastify/otel', '@opentelemetry/instrumentation-ioredis']

/** @throws SettingsError that says what to install */
export async function loadTracing (): Promise<typeof import('./tracing-sdk.ts')> {
  try {
    return await import('./tracing-sdk.ts')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new SettingsError(`OTEL_EXPORTER_OTLP_ENDPOINT is set, and the packages of OpenTelemetry are not installed: npm install ${tracingPackages.join(' ')}`, { cause: error })
  }
}
