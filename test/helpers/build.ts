// The app in this process, on a Fastify set up as server.ts does, to be asked without a network.
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import type { Test } from 'tap'
import app from '../../app.ts'
import { createErrorHandlers } from '../../plugins/errors.ts'
import type { Session } from '../../services/sessions/session.ts'
import { readSettings } from '../../services/settings/read.ts'
import { eventually } from './eventually.ts'
import type { Answer } from './http.ts'
import { TEST_SECRET, token } from './token.ts'

export async function build (t: Test, env: Record<string, string> = {}): Promise<FastifyInstance> {
  const { onError, onNotFound } = createErrorHandlers(readSettings({}), () => server.roomcast?.metrics)
  const server: FastifyInstance = Fastify({ return503OnClosing: false, forceCloseConnections: true, frameworkErrors: onError })
  t.teardown(() => server.close())
  server.setErrorHandler(onError)
  server.setNotFoundHandler(onNotFound)
  await server.register(app, { metrics: true, env: { JWT_SECRET: TEST_SECRET, ...env } })
  await server.ready()
  return server
}

/** Also waits until tokens are trusted: the commands given so far are known. */
export async function buildReady (t: Test, env: Record<string, string> = {}): Promise<FastifyInstance> {
  const server = await build(t, env)
  await eventually(() => server.roomcast.commands.isCaughtUp())
  return server
}

/** The sessions, with all that the service itself knows of them. */
export function sessionsOf (server: FastifyInstance): Session[] {
  return [...server.roomcast.sessions.all()] as Session[]
}

export interface Injected<T> {
  status: number
  headers: Record<string, unknown>
  body: Answer<T>
  text: string
}

/** One request with a token that may do everything, unless said otherwise; a string is sent as it is. */
export async function ask<T = Record<string, unknown>> (
  server: FastifyInstance, method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH', url: string, body?: unknown, headers: Record<string, string> = {}
): Promise<Injected<T>> {
  const request: InjectOptions = {
    method,
    url,
    headers: { authorization: `Bearer ${token({ sub: 'svc' })}`, ...body !== undefined && { 'content-type': 'application/json' }, ...headers },
    ...body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }
  }
  const response = await server.inject(request)
  const isJson = String(response.headers['content-type']).includes('json')
  return { status: response.statusCode, headers: response.headers, body: isJson ? response.json<Answer<T>>() : {} as Answer<T>, text: response.body }
}
