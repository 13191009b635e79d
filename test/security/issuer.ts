// An issuer of tokens with its key set, which can be slow, large, wrong, or down.
import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { Test } from 'tap'
import { freePort, HOST } from '../helpers/index.ts'
import type { Signer } from './vectors.ts'

export interface Issuer {
  url: string
  /** How often its keys were asked for. */
  requests (): number
  /** What its key set holds from now on: kid → key. */
  publish (keys: Record<string, Signer>): void
  /** Answers otherwise; undefined: with its key set again. */
  answer (respond: ((response: ServerResponse) => void) | undefined): void
}

export async function startIssuer (t: Test): Promise<Issuer> {
  let requests = 0
  let keySet = JSON.stringify({ keys: [] })
  let respond: ((response: ServerResponse) => void) | undefined
  const listener: RequestListener = (_request, response) => {
    requests++
    if (respond !== undefined) return respond(response)
    response.setHeader('content-type', 'application/json').end(keySet)
  }
  const port = await freePort()
  const server = createServer(listener).listen(port, HOST)
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://${HOST}:${port}/jwks.json`,
    requests: () => requests,
    publish (keys) {
      keySet = JSON.stringify({
        keys: Object.entries(keys).map(([kid, { algorithm, known }]) => ({ ...createPublicKey(known).export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' }))
      })
    },
    answer (other) { respond = other }
  }
}
