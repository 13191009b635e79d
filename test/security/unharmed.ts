// A service under attack: whatever is sent to it, it must live, log no error, and serve a neighbour.
import type { Test } from 'tap'
import { connect, eventually, follow, publish, startInstance, startRedis, token, type RawWebSocket } from '../helpers/index.ts'

/** Every event of a client, and names that are none. */
export const EVENTS = ['application', 'publish', 'presence', 'authenticate', 'error', 'unknown', '__proto__', 'constructor', 'message', 'data', 'close']

/** Starts a service that is checked after each test. */
export async function startUnharmed (t: Test) {
  const redis = await startRedis(t)
  const service = await startInstance(t, { REDIS_URL: redis.url, EVENTS_PER_SECOND: '100000', EVENT_BURST: '100000', CONNECTIONS_PER_SECOND: '10000' })
  await service.ready()
  const neighbour = await follow(await connect(t, service.url, { token: token({ sub: 'neighbour' }) }), 'acme', 'neighbours')

  /** The process lives, and a neighbour gets the next update, once and in order. */
  async function assertUnharmed (): Promise<void> {
    const { body, status } = await publish(service.url, { workspaceId: 'acme', appId: 'neighbours', event: 'N', payload: 1 })
    if (status !== 200 || body.data.offset === null) throw new Error(`publish answered ${status}`)
    await neighbour.until(body.data.offset)
  }

  t.afterEach(async () => {
    await assertUnharmed()
    if (/"level":(50|60)/.test(service.output())) throw new Error(`an error was logged:\n${service.output()}`)
  })
  return { redis, service, neighbour, assertUnharmed }
}

/** Resolves when the server has dealt with everything before: it has answered a request, or has closed. */
export async function settled (raw: RawWebSocket): Promise<'answered' | 'closed'> {
  if (!raw.isClosed()) raw.send('42999["application",{"event":"UNSUBSCRIBE","payload":{"workspaceId":"acme","appId":"x"}}]')
  await eventually(() => raw.isClosed() || raw.frames.some(frame => frame.startsWith('43999')), 10_000)
  return raw.isClosed() ? 'closed' : 'answered'
}
