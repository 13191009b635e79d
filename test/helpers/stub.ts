// An HTTP server that answers as it is told: what stands where the service should be, or a service with a bad day; and a
// publisher that talks to it.
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPublisher, type ClientError, type Publisher, type PublisherOptions, type Receipt } from '@roomcast/client/publisher'
import type { Test } from 'tap'
import { HOST } from './ports.ts'
import { within } from './within.ts'

export interface StubRequest {
  path: string
  headers: IncomingHttpHeaders
  body: Record<string, unknown>
  /** Milliseconds since the process began. */
  at: number
}

export interface Stub {
  url: string
  /** Every request that came so far. */
  requests: StubRequest[]
}

/** @param answer writes the answer to the n-th request, from 0 on; one that writes nothing leaves the caller waiting */
export async function startStub (t: Test, answer: (request: StubRequest, response: ServerResponse, n: number) => void): Promise<Stub> {
  const requests: StubRequest[] = []
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const request = { path: incoming.url ?? '', headers: incoming.headers, body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>, at: performance.now() }
      answer(request, response, requests.push(request) - 1)
    })
  }).listen(0, HOST)
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  return { url: `http://${HOST}:${(server.address() as AddressInfo).port}`, requests }
}

/** The envelope of the service. */
export function answerWith (response: ServerResponse, status: number, data: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', ...headers }).end(JSON.stringify({ status: 'SUCCESS', data, error: null }))
}

export function refuseWith (response: ServerResponse, status: number, code: string, { retryable = status === 429 || status === 503, ...headers }: { retryable?: boolean, 'Retry-After'?: string } = {}): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', ...headers })
    .end(JSON.stringify({ status: 'ERROR', data: null, error: { code, name: 'Error', message: code, retryable } }))
}

// ── Publishing to it ────────────────────────────────────────────────────────

export const receipt = (id: unknown): Receipt => ({ id: String(id), epoch: 'e', offset: 1, duplicate: false, instances: 1 })
export const success = (id: unknown) => ({ status: 'SUCCESS', data: receipt(id), error: null })
export const refusal = (code: string, retryable: boolean) => ({ status: 'ERROR', data: null, error: { code, name: 'Error', message: code, retryable } })

/** The updates of a request, whatever its form. */
export function updatesOf ({ path, body }: StubRequest): Array<Record<string, unknown>> {
  if (path.endsWith('/batch')) return body.updates as Array<Record<string, unknown>>
  if (path.endsWith('/many')) return (body.rooms as object[]).map(room => ({ ...body, ...room }))
  return [body]
}

/** As the service answers when all is well. */
export function accept (request: StubRequest, response: ServerResponse): void {
  const results = updatesOf(request).map(({ id }) => success(id))
  answerWith(response, 200, request.path.endsWith('/publish') ? receipt(request.body.id) : { results })
}

export function publisherOf (url: string, options: Partial<PublisherOptions> = {}): Publisher {
  return createPublisher(url, { token: 'a.b.c', ...options })
}

/** What a rejected promise was rejected with. */
export async function failure (publishing: Promise<unknown>): Promise<ClientError> {
  return await within(10_000, 'a refusal', publishing.then(() => { throw new Error('it was published') }, (error: ClientError) => error))
}
