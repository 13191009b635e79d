// Traces: one span per publish, and one per instance that relays it. Does nothing without an SDK.
import { context, propagation, ProxyTracerProvider, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { RoomKey } from '../wire/rooms.ts'

const tracer = trace.getTracer('roomcast')

/** Runs a publish in a span, and passes it the `traceparent` to send with the update. */
export function tracePublish<T> (room: RoomKey, kind: string, publish: (traceparent: string | undefined) => Promise<T>): Promise<T> {
  return isOff() ? publish(undefined) : publishInSpan(room, kind, publish)
}

/** Whether no SDK was started. Then no span is created, not even an empty one. */
function isOff (): boolean {
  const provider = trace.getTracerProvider()
  return provider instanceof ProxyTracerProvider && provider.getDelegateTracer('roomcast') === undefined
}

async function publishInSpan<T> (room: RoomKey, kind: string, publish: (traceparent: string | undefined) => Promise<T>): Promise<T> {
  const span = tracer.startSpan('roomcast publish', { kind: SpanKind.PRODUCER, attributes: { 'roomcast.room': room, 'roomcast.kind': kind } })
  if (!span.isRecording()) return await publish(undefined)
  const active = trace.setSpan(context.active(), span)
  const carrier: { traceparent?: string } = {}
  propagation.inject(active, carrier)
  try {
    return await context.with(active, () => publish(carrier.traceparent))
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).name })
    throw error
  } finally {
    span.end()
  }
}

/** Records that an update was relayed to the members of a room on this instance. */
export function traceRelay (room: RoomKey, { trace: traceparent, offset, publishedAt }: { trace?: unknown, offset: number, publishedAt: number }, members: number): void {
  const parent = propagation.extract(ROOT_CONTEXT, { traceparent: String(traceparent) })
  tracer.startSpan('roomcast relay', {
    kind: SpanKind.CONSUMER,
    startTime: publishedAt,
    attributes: { 'roomcast.room': room, 'roomcast.offset': offset, 'roomcast.members': members }
  }, parent).end()
}
