// An HTTP server that answers as it is told: what stands where the service should be, or a service with a bad day.
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { HOST } from './ports.ts'

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
