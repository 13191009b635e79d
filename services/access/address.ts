// Where a request comes from: the peer, or what the proxies that TRUST_PROXY names say of it; as Fastify tells it of its own requests.
import type { IncomingMessage } from 'node:http'
import proxyAddress from '@fastify/proxy-addr'
import type { Settings } from '../settings.ts'

export function createAddressOf ({ TRUST_PROXY }: Settings): (request: IncomingMessage) => string {
  const isTrusted = proxyAddress.compile(TRUST_PROXY === '' ? [] : TRUST_PROXY.split(',').map(range => range.trim()))
  // None once the peer has gone.
  return request => proxyAddress(request, isTrusted) ?? ''
}
