// Every code with which the server ends a subscription is in the contract.
import { test } from 'tap'
import { eventually, call, connect, nextEvent, publish, roomEvent, startInstance, startProxy, startRedis, subscribe, token } from '../helpers/index.ts'
import { errorCodes } from '../../services/wire/errors.ts'
import { CLOSING_CODES, UNSUBSCRIBED_CODES } from '../../services/wire/protocol.ts'

interface Document { channels: Record<string, { address: string, messages: Record<string, { payload: { properties: { code: { enum?: string[] } } } }> }> }

async function documented (url: string, event: string): Promise<string[]> {
  const { channels } = (await call(url, 'GET', '/asyncapi.json')).body as unknown as Document
  const channel = Object.values(channels).find(({ address }) => address === event)
  return Object.values(channel?.messages ?? {}).flatMap(({ payload }) => payload.properties.code.enum ?? [])
}

test('a member whose SUBSCRIBE with `since` fails for want of the broker is told so, with a code of the contract', async t => {
  const redis = await startRedis(t)
  const link = await startProxy(t, redis.port)
  const instance = await startInstance(t, { REDIS_URL: link.url(), FEED_TAIL_BYTES: '0', PROBE_TIMEOUT_MS: '1000', PROBE_INTERVAL_MS: '300', SUBSCRIBE_TIMEOUT_MS: '0' })
  await instance.ready()
  const socket = await connect(t, instance.url, { token: token() })
  const { data } = await subscribe(socket, 'acme', 'board-1')
  const heard = nextEvent(socket, roomEvent('acme', 'board-1'))
  await publish(instance.url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 1 })
  await heard
  const ended = nextEvent(socket, 'unsubscribed', undefined, 10_000)
  link.blackhole()
  const answer = await subscribe(socket, 'acme', 'board-1', { epoch: data.epoch, offset: data.offset })
  t.match(await ended, { workspaceId: 'acme', appId: 'board-1', code: answer.error?.code })
  t.ok((await documented(instance.url, 'unsubscribed')).includes(answer.error?.code ?? ''), `${answer.error?.code} is in the contract`)
  await link.heal()
  await eventually(async () => (await subscribe(socket, 'acme', 'board-1')).status === 'SUCCESS', 10_000)
})

test('the documents hold the codes of the contract, each of which is one of the table', async t => {
  const instance = await startInstance(t)
  t.strictSame(await documented(instance.url, 'unsubscribed'), [...UNSUBSCRIBED_CODES])
  t.strictSame(await documented(instance.url, 'closing'), [...CLOSING_CODES])
  for (const code of [...UNSUBSCRIBED_CODES, ...CLOSING_CODES]) t.ok(Object.hasOwn(errorCodes, code), code)
})
