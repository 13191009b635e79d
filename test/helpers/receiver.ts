// A team's backend, as the webhook meets it.
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { WebhookEvent } from '../../services/hooks/events.ts'
import type { Scope } from './scope.ts'

export interface Received {
  headers: IncomingHttpHeaders
  text: string
  events: WebhookEvent[]
}

export interface Receiver {
  url: string
  requests: Received[]
  /** The names of the events of an app, in order, without repeats. */
  events (appId: string): string[]
  /** The ids of what was answered with 200. */
  taken (): string[]
}

/** @param answers statuses in turn; a function decides for each request, and `undefined` never answers; then 200 */
export async function startReceiver (t: Scope, answers: number[] | ((request: Received) => number | undefined) = []): Promise<Receiver> {
  const requests: Received[] = []
  const taken: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const text = Buffer.concat(chunks).toString()
      const received = { headers: request.headers, text, events: (JSON.parse(text) as { events: WebhookEvent[] }).events }
      requests.push(received)
      const status = typeof answers === 'function' ? answers(received) : answers.shift() ?? 200
      if (status === undefined) return
      if (status === 200) taken.push(...received.events.map(({ id }) => id))
      response.writeHead(status).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}/hook`,
    requests,
    events: appId => [...new Map(requests.flatMap(({ events }) => events).filter(event => event.appId === appId).map(({ id, event }) => [id, event])).values()],
    taken: () => [...taken]
  }
}
