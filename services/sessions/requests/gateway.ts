// The socket gateway: rate, schema, order per room, answer. Every client event ends here with an answer.
import type { TSchema } from '@sinclair/typebox'
import type { Socket } from 'socket.io'
import { toRoomcastError, RoomcastError } from '../../wire/errors.ts'
import {
  ApplicationEvent, AuthenticateRequest, failure, Id, PresenceRequest, RoomRef, SocketPublish, SubscribePayload, success, type ApplicationResponse, type Result
} from '../../wire/protocol.ts'
import { createRate, type Rate } from '../../access/rate.ts'
import { limitError } from '../../observe/limits.ts'
import { roomKey } from '../../wire/rooms.ts'
import type { Session } from '../session.ts'
import { NO_ATTEMPT, type Attempt } from '../attempts.ts'
import { RawJson } from '../../wire/raw-json.ts'
import { createValidator, type Validator } from '../../wire/validation.ts'
import { onAuthenticate } from './authenticate.ts'
import type { Handler, RequestContext } from './context.ts'
import { onPresence } from './presence.ts'
import { onPublish } from './publish.ts'
import { onSubscribe, onUnsubscribe } from './subscribe.ts'

interface Request {
  validator: Validator<TSchema>
  handler: Handler<never>
}

const handlers = {
  SUBSCRIBE: { validator: createValidator(SubscribePayload), handler: onSubscribe },
  UNSUBSCRIBE: { validator: createValidator(RoomRef), handler: onUnsubscribe },
  PUBLISH: { validator: createValidator(SocketPublish), handler: onPublish },
  PRESENCE: { validator: createValidator(PresenceRequest), handler: onPresence },
  AUTHENTICATE: { validator: createValidator(AuthenticateRequest), handler: onAuthenticate }
} satisfies Record<string, Request>
const applicationEventValidator = createValidator(ApplicationEvent)
const idValidator = createValidator(Id)

/** Socket.IO event → request; an `application` event contains its request's name. */
const events = { publish: 'PUBLISH', presence: 'PRESENCE', authenticate: 'AUTHENTICATE' } as const
/** All events that a client may send. */
export const CLIENT_EVENTS: readonly string[] = ['application', ...Object.keys(events)]

/** The pending requests of one session, and its rate. */
interface Requests {
  session: Session
  rate: Rate
  /** The last request of each room. Requests of a socket for one room run in the order of arrival. */
  queues: Map<string, Promise<void>> | undefined
  refused: number
}

/** One gateway for all sessions, so that each session needs little memory. */
export function createGateway (context: RequestContext): { listen: (session: Session) => void } {
  const { settings, metrics, log } = context
  const requests = new WeakMap<Socket, Requests>()

  // Listeners shared by all sockets. Socket.IO passes the socket as `this`.

  /** Handles every event, even unknown ones, so that the rate applies to all. */
  function onAny (this: Socket, event: string, ...args: unknown[]): void {
    const state = requests.get(this)
    if (state === undefined) return
    if (event === 'application') onEvent(state, 'application', args)
    else onEvent(state, Object.hasOwn(events, event) ? events[event as keyof typeof events] : 'UNKNOWN', args)
  }

  /** Socket.IO reports parse errors here and closes the connection. A client may also send an event named `error`. */
  function onError (this: Socket, error: unknown): void {
    if (error instanceof Error) log.debug({ socket: this.id, err: error.message }, 'socket error')
  }

  function onEvent (state: Requests, name: keyof typeof handlers | 'application' | 'UNKNOWN', args: unknown[]): void {
    const { session } = state
    const last = args.at(-1)
    const callback = typeof last === 'function' ? last as (result: unknown) => void : undefined
    const data = typeof args[0] === 'function' ? undefined : args[0]
    const isApplication = name === 'application'
    const body = isApplication ? record(data)['payload'] : data
    const room = echo(body)
    const answer = (result: Result<unknown>): void => {
      const response: ApplicationResponse = { event: isApplication ? applicationEvent(data) : name, payload: room, ...result }
      // Before the callback: who has the answer has the positions that go with it, wherever the connection breaks.
      if (isApplication || (callback === undefined && result.status === 'ERROR')) session.notify('application_response', response)
      if (isApplication) callback?.(response)
      else callback?.(result.data instanceof RawJson ? new RawJson(`{"status":"SUCCESS","data":${result.data.text},"error":null}`) : result)
    }
    const fail = (error: unknown): void => {
      const known = toRoomcastError(error)
      metrics.errors.inc({ code: known.code, transport: 'socket' })
      if (known.code === 'server/internal') log.error({ err: error, event: name, socket: session.id }, 'request failed by a bug: please report this line')
      answer(failure(known.toBody()))
    }

    if (!state.rate.take()) return onFlood(state, fail)
    // Decreases slowly, because the rate lets some events of a flood pass.
    state.refused = Math.max(0, state.refused - 1)
    const attempt = isApplication && applicationEvent(data) === 'SUBSCRIBE' ? attemptAt(session, room) : NO_ATTEMPT
    void inOrder(state, name, `${room.workspaceId ?? ''}/${room.appId ?? ''}`, async () => {
      try {
        if (!session.isOpen()) return
        // The session's own check may be late, after a busy event loop or a change of the clock.
        if (session.identity().expiresAt <= Date.now()) return session.close('auth/token-expired')
        if (name === 'UNKNOWN') throw new RoomcastError('request/invalid', 'There is no such event: see docs/protocol.md.')
        const request = handlers[isApplication ? applicationEventValidator.parse(data).event : name]
        const handler = request.handler as Handler<unknown>
        await handler(session, request.validator.parse(body), data => answer(success(data)), context, attempt)
      } catch (error) {
        fail(error)
      } finally {
        attempt.done()
      }
    })
  }

  /** Registers a SUBSCRIBE when it arrives, even if it must wait for earlier requests. */
  function attemptAt (session: Session, { workspaceId, appId }: ApplicationResponse['payload']): Attempt {
    return workspaceId === undefined || appId === undefined ? NO_ATTEMPT : session.attempt(roomKey({ workspaceId, appId }))
  }

  function inOrder (state: Requests, name: string, room: string, work: () => Promise<void>): Promise<void> {
    const queues = state.queues ?? new Map<string, Promise<void>>()
    const done = (queues.get(room) ?? Promise.resolve()).then(work)
    // The broker keeps the order of publishes, so they need not wait for each other's receipts.
    if (name === 'PUBLISH') return done
    state.queues = queues.set(room, done)
    return done.finally(() => {
      if (queues.get(room) === done) queues.delete(room)
      if (queues.size === 0) state.queues = undefined
    })
  }

  /** Answers with an error at first; disconnects a client that does not stop. */
  function onFlood (state: Requests, fail: (error: unknown) => void): void {
    const error = limitError(metrics, 'event-rate')
    state.refused++
    if (state.refused > settings.EVENT_BURST) state.session.close('limit/event-rate')
    else fail(error)
  }

  return {
    listen (session) {
      const rate = createRate(settings.EVENTS_PER_SECOND, settings.EVENT_BURST)
      // A room that came back with the connection counts as a SUBSCRIBE.
      session.rooms().forEach(() => rate.take())
      requests.set(session.socket, { session, rate, queues: undefined, refused: 0 })
      session.socket.onAny(onAny)
      session.socket.on('error', onError)
    }
  }
}

function record (value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? value as Record<string, unknown> : {}
}

/** Only ids that pass the check are echoed. */
function echo (body: unknown): ApplicationResponse['payload'] {
  const { workspaceId, appId } = record(body)
  return {
    ...idValidator.accepts(workspaceId) ? { workspaceId } : {},
    ...idValidator.accepts(appId) ? { appId } : {}
  }
}

function applicationEvent (data: unknown): string {
  const { event } = record(data)
  return event === 'SUBSCRIBE' || event === 'UNSUBSCRIBE' ? event : 'APPLICATION'
}
