// The address of a client: the peer, or what the proxies in TRUST_PROXY report. Fastify does the same for its own requests.
import type { IncomingMessage } from 'node:http'
import proxyAddress from '@fastify/proxy-addr'
import type { Settings } from '../settings.ts'

export function createAddressOf ({ TRUST_PROXY }: Settings): (request: IncomingMessage) => string {
  const isTrusted = proxyAddress.compile(TRUST_PROXY === '' ? [] : TRUST_PROXY.split(',').map(range => range.trim()))
  // There is no address once the peer has gone.
  return request => proxyAddress(request, isTrusted) ?? ''
}
