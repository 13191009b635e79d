// HTTP calls to a running service.
import type { Failure, HttpPublish, Receipt } from '../../services/wire/protocol.ts'
import { token } from './token.ts'

/** The answer envelope of HTTP and sockets, loosely typed: a test asserts on it, it does not narrow it. */
export interface Answer<T> {
  status: 'SUCCESS' | 'ERROR'
  data: T
  error: Failure['error'] | null
}

export interface Call {
  token?: string
  /** Sent as JSON, a string as it is. */
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface Reply<T> {
  status: number
  headers: Headers
  body: Answer<T>
  text: string
}

export async function call<T = Record<string, unknown>> (url: string, method: string, path: string, request: Call = {}): Promise<Reply<T>> {
  const headers = new Headers(request.headers)
  if (request.token) headers.set('authorization', `Bearer ${request.token}`)
  const hasBody = request.body !== undefined
  if (hasBody && !headers.has('content-type')) headers.set('content-type', 'application/json')

  const response = await fetch(new URL(path, url), {
    method,
    headers,
    ...request.signal && { signal: request.signal },
    ...hasBody && { body: typeof request.body === 'string' ? request.body : JSON.stringify(request.body) }
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json')
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : {}, text }
}

export async function publish (url: string, update: HttpPublish, bearer = token({ sub: 'svc-test' })): Promise<Reply<Receipt>> {
  return await call<Receipt>(url, 'POST', '/api/v1/publish', { token: bearer, body: update })
}
