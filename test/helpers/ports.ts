// Free ports on loopback.
import { once } from 'node:events'
import { createServer } from 'node:net'

export const HOST = '127.0.0.1'

/**
 * Below the range from which Linux takes the ports of outgoing connections: a port stays free while
 * its server is down, and a client that retries a dead port cannot connect to itself.
 */
export async function freePort (): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    if (await isFree(port)) return port
  }
}

async function isFree (port: number): Promise<boolean> {
  const server = createServer().listen(port, HOST)
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
