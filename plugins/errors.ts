// Turns every error into the answer envelope with a code of the table.
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { createLineLimit } from '../services/observe/limited-log.ts'
import { countLimit } from '../services/observe/limits.ts'
import type { Metrics } from '../services/observe/metrics.ts'
import { discardBody, endWith } from '../services/sessions/refusal.ts'
import type { Settings } from '../services/settings.ts'
import { RoomcastError, toRoomcastError } from '../services/wire/errors.ts'
import { failure } from '../services/wire/protocol.ts'

/** @param metricsOf returns undefined while our own process boots, because these handlers exist before the app */
export function createErrorHandlers (settings: Settings, metricsOf: () => Metrics | undefined) {
  const lines = createLineLimit()

  /** Answers any error of a request, even one before a route is found. */
  function onError (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
    const metrics = metricsOf()
    const known = translate(error)
    metrics?.errors.inc({ code: known.code, transport: 'http' })
    if (known.code === 'server/internal') lines.write('request', more => request.log.error({ err: error, ...more }, 'request failed by a bug: please report this line'))
    const answer = () => { reply.code(known.status).headers(known.headers()).send(failure(known.toBody())) }
    if (error.code !== 'FST_ERR_CTP_BODY_TOO_LARGE') return answer()
    if (metrics !== undefined) countLimit(metrics, 'body-bytes')
    // The answer ends the connection. A caller that is still sending would see a reset instead of the answer.
    void discardBody(request.raw, { maxBytes: settings.MAX_DISCARDED_BYTES, idleMs: settings.LINGER_MS }).then(answer)
  }

  return {
    onError,

    /** Errors of a host's hooks, for example a session or a rate limit, are left to the host. */
    onErrorInside (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
      if (isOfHost(error)) throw error
      onError(error, request, reply)
    },

    /** For the root of our own process, and for our prefix within a host. */
    onNotFound (request: FastifyRequest, reply: FastifyReply): void {
      onError(new RoomcastError('request/not-found') as unknown as FastifyError, request, reply)
    },

    /** Answers malformed requests. Node's error contains the raw bytes, possibly a token, so it is neither logged nor sent. */
    onClientError ({ code }: ConnectionError, socket: Socket): void {
      if (code === 'ECONNRESET' || socket.destroyed || socket.writableEnded) return
      const known = new RoomcastError(code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request/timeout' : 'request/invalid')
      const metrics = metricsOf()
      metrics?.errors.inc({ code: known.code, transport: 'http' })
      if (metrics !== undefined && known.code === 'request/timeout') countLimit(metrics, 'request-time')
      // A connection that sent nothing gets no answer: a client's pool would take it for the answer to its next request.
      if (socket.bytesRead === 0) {
        socket.destroy()
        return
      }
      const body = JSON.stringify(failure(known.toBody()))
      endWith(socket, `HTTP/1.1 ${known.status} Refused\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`, settings.LINGER_MS)
    }
  }
}

/** Fastify's errors have their own codes; ours are RoomcastErrors. */
function isOfHost (error: FastifyError): boolean {
  return !(error instanceof RoomcastError) && !(error instanceof SyntaxError) && !error.code?.startsWith('FST_ERR_') &&
    error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500
}

/** Translates errors of Fastify into our codes: its messages may quote the request. */
function translate (error: FastifyError): RoomcastError {
  if (error instanceof RoomcastError) return error
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new RoomcastError('publish/payload-too-large', 'The body is larger than this route accepts: send less data.')
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new RoomcastError('request/invalid', 'The body must be JSON: send Content-Type: application/json.')
  if (error instanceof SyntaxError || error.code?.startsWith('FST_ERR_CTP_')) return new RoomcastError('request/invalid', 'The body is not valid JSON, or contains the key __proto__ or constructor.prototype: correct it.')
  if (error.statusCode === 408) return new RoomcastError('request/timeout')
  if (error.statusCode !== undefined && error.statusCode < 500) return new RoomcastError('request/invalid')
  return toRoomcastError(error)
}
