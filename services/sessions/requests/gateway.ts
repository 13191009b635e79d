// The socket door: rate, schema, order a room, answer. Whatever a client sends ends here as an answer.
import type { TSchema } from '@sinclair/typebox'
import { toRoomcastError, RoomcastError } from '../../wire/errors.ts'
import {
  ApplicationEvent, AuthenticateRequest, failure, Id, PresenceRequest, RoomRef, SocketPublish, SubscribePayload, success, type ApplicationResponse, type Result
} from '../../wire/protocol.ts'
import { createRate } from '../../access/rate.ts'
import type { Session } from '../session.ts'
import { RawJson } from '../../wire/raw-json.ts'
import { checker, parse } from '../../wire/validation.ts'
import { onAuthenticate } from './authenticate.ts'
import type { Handler, RequestContext } from './context.ts'
import { onPresence } from './presence.ts'
import { onPublish } from './publish.ts'
import { onSubscribe, onUnsubscribe } from './subscribe.ts'

interface Request {
  schema: TSchema
  handler: Handler<never>
}

const requests = {
  SUBSCRIBE: { schema: SubscribePayload, handler: onSubscribe },
  UNSUBSCRIBE: { schema: RoomRef, handler: onUnsubscribe },
  PUBLISH: { schema: SocketPublish, handler: onPublish },
  PRESENCE: { schema: PresenceRequest, handler: onPresence },
  AUTHENTICATE: { schema: AuthenticateRequest, handler: onAuthenticate }
} satisfies Record<string, Request>

/** Socket.IO event → request; an `application` event names its request itself. */
const events = { publish: 'PUBLISH', presence: 'PRESENCE', authenticate: 'AUTHENTICATE' } as const

export function listen (session: Session, context: RequestContext): void {
  const { socket } = session
  const { settings, metrics, log } = context
  const rate = createRate(settings.EVENTS_PER_SECOND, settings.EVENT_BURST)
  /** The last request of each room: a socket's requests for one room run in the order of arrival. */
  const queues = new Map<string, Promise<void>>()
  let refused = 0

  socket.on('application', (...args: unknown[]) => onEvent('application', args))
  for (const [event, name] of Object.entries(events)) {
    socket.on(event, (...args: unknown[]) => onEvent(name, args))
  }
  // What nobody listens to counts as well: no flood is free.
  socket.onAny((event: string, ...args: unknown[]) => {
    if (event !== 'application' && !Object.hasOwn(events, event)) onEvent('UNKNOWN', args)
  })
  // Socket.IO reports what it cannot parse here, and closes the connection itself; a client may send an event of that name too.
  socket.on('error', (error: unknown) => {
    if (error instanceof Error) log.debug({ socket: session.id, err: error.message }, 'socket error')
  })

  function onEvent (name: keyof typeof requests | 'application' | 'UNKNOWN', args: unknown[]): void {
    const last = args.at(-1)
    const callback = typeof last === 'function' ? last as (result: unknown) => void : undefined
    const data = typeof args[0] === 'function' ? undefined : args[0]
    const isApplication = name === 'application'
    const body = isApplication ? record(data)['payload'] : data
    const room = echo(body)
    const answer = (result: Result<unknown>): void => {
      const response: ApplicationResponse = { event: isApplication ? applicationEvent(data) : name, payload: room, ...result }
      if (isApplication) callback?.(response)
      else callback?.(result.data instanceof RawJson ? new RawJson(`{"status":"SUCCESS","data":${result.data.text},"error":null}`) : result)
      if (isApplication || (callback === undefined && result.status === 'ERROR')) socket.emit('application_response', response)
    }
    const fail = (error: unknown): void => {
      const known = toRoomcastError(error)
      metrics.errors.inc({ code: known.code, transport: 'socket' })
      if (known.code === 'server/internal') log.error({ err: error, event: name, socket: session.id }, 'request failed')
      answer(failure(known.toBody()))
    }

    if (!rate.take()) return onFlood(fail)
    // Not forgiven at once: a flood lets one pass now and then, whenever the rate allows.
    refused = Math.max(0, refused - 1)
    void inOrder(name, `${room.workspaceId ?? ''}/${room.appId ?? ''}`, async () => {
      try {
        if (!session.isOpen()) return
        if (name === 'UNKNOWN') throw new RoomcastError('request/invalid', 'There is no such event: see the protocol.')
        const request = requests[isApplication ? parse(ApplicationEvent, data).event : name]
        const handler = request.handler as Handler<unknown>
        await handler(session, parse(request.schema, body), data => answer(success(data)), context)
      } catch (error) {
        fail(error)
      }
    })
  }

  function inOrder (name: string, room: string, work: () => Promise<void>): Promise<void> {
    const done = (queues.get(room) ?? Promise.resolve()).then(work)
    // The broker keeps the order of publishes that began in order: they need not wait for each other's receipts.
    if (name === 'PUBLISH') return done
    queues.set(room, done)
    return done.finally(() => { if (queues.get(room) === done) queues.delete(room) })
  }

  /** A little too much is answered; who does not stop is disconnected. */
  function onFlood (fail: (error: unknown) => void): void {
    metrics.limits.inc({ limit: 'event-rate' })
    refused++
    if (refused > settings.EVENT_BURST) session.close('limit/event-rate')
    else fail(new RoomcastError('limit/event-rate'))
  }
}

function record (value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? value as Record<string, unknown> : {}
}

/** Only ids that pass the check are echoed. */
function echo (body: unknown): ApplicationResponse['payload'] {
  const { workspaceId, appId } = record(body)
  return {
    ...checker(Id).Check(workspaceId) ? { workspaceId } : {},
    ...checker(Id).Check(appId) ? { appId } : {}
  }
}

function applicationEvent (data: unknown): string {
  const { event } = record(data)
  return event === 'SUBSCRIBE' || event === 'UNSUBSCRIBE' ? event : 'APPLICATION'
}
