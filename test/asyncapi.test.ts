// The AsyncAPI document is valid, complete, and what the running service does: a stock client drives every event, and each
// real message is held against its schema.
import { Parser } from '@asyncapi/parser'
import type { Socket } from 'socket.io-client'
import { test, type Test } from 'tap'
import type { AsyncApi, AsyncApiMessage } from '../services/documents/asyncapi.ts'
import { messageAt } from '../services/documents/asyncapi-page.ts'
import { CLIENT_EVENTS } from '../services/sessions/requests/gateway.ts'
import {
  call, connect, faultsAgainst, nextEvent, nowInSeconds, publish, roomEvent, startInstance, subscribe, token, type Answer, type Faults
} from './helpers/index.ts'

const room = { workspaceId: 'acme', appId: 'board-1' }
const bad = { workspaceId: 'acme', appId: 'a/b' }

async function fetchDocument (url: string): Promise<AsyncApi> {
  return (await call(url, 'GET', '/asyncapi.json')).body as unknown as AsyncApi
}

test('the document is valid AsyncAPI 3.0, clean, and its examples are of their schemas', async t => {
  const instance = await startInstance(t)
  const document = await fetchDocument(instance.url)
  t.equal(document.asyncapi, '3.0.0')
  const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(document))
  t.ok(parsed)
  const faults = diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version')
  t.strictSame(faults.map(({ code, message, path }) => `${code} ${message} ${path.join('.')}`), [])
  t.notMatch(JSON.stringify(document), /"nullable"|\$id|Symbol/)
  const against = faultsAgainst(document as never)
  for (const [channel, { messages }] of Object.entries(document.channels)) {
    for (const { name, payload, examples } of Object.values(messages)) {
      for (const example of examples) t.strictSame(against(payload, example.payload), [], `${channel} ${name}: example ${example.name}`)
    }
  }
})

test('the service listens to every event that the document lets clients send, and to no other', async t => {
  const instance = await startInstance(t)
  const { channels, operations } = await fetchDocument(instance.url)
  const received = Object.values(operations).filter(({ action }) => action === 'receive').map(({ channel }) => channels[channel.$ref.replace('#/channels/', '')]?.address)
  t.strictSame([...CLIENT_EVENTS].sort(), [...new Set(received)].sort())
  const socket = await connect(t, instance.url, { token: token() })
  for (const event of [...CLIENT_EVENTS, 'another']) {
    const { error } = await socket.timeout(10_000).emitWithAck(event, {}) as Answer<null>
    t.equal(error?.code, 'request/invalid')
    t.equal(error?.message.startsWith('There is no such event'), event === 'another', event)
  }
})

/** Notes each message that a socket gets, and by which message of the document it is described. */
function witness (t: Test, document: AsyncApi) {
  const faultsOf: Faults = faultsAgainst(document as never)
  const seen = new Set<string>()

  function hold (where: string, candidates: AsyncApiMessage[], data: unknown, second?: unknown): void {
    const fitting = candidates.filter(({ payload }) => faultsOf(payload, data).length === 0)
    if (second !== undefined) t.ok(fitting.every(message => faultsOf(message['x-second-argument'] ?? { not: {} }, second).length === 0), `${where}: positions`)
    for (const { name } of fitting) seen.add(name)
    t.ok(fitting.length > 0, `${where} is as documented: ${fitting.map(({ name }) => name).join() || JSON.stringify(data)}`)
  }

  function channelOf (event: string): AsyncApiMessage[] {
    const found = Object.values(document.channels).find(({ address }) => new RegExp(`^${address.replaceAll(/\{\w+\}/g, '[\\w.-]+')}$`).test(event))
    return Object.values(found?.messages ?? {})
  }

  return {
    seen,
    watch (socket: Socket): Socket {
      return socket.onAny((event: string, data: unknown, second: unknown) => {
        hold(event, channelOf(event).filter(({ name }) => !(name in document.operations) || document.operations[name]?.action === 'send'), data, second)
      })
    },
    /** Sends what the document knows as this request, and holds the answer of the callback against its replies. */
    async ask (socket: Socket, request: string, data: unknown, isGood = true): Promise<void> {
      const { messages, reply } = document.operations[request] ?? { messages: [] }
      if (isGood) hold(`${request} as sent`, messages.map(({ $ref }) => messageAt(document, $ref)), data)
      const [first] = messages
      const event = first === undefined ? '' : first.$ref.split('/')[2] ?? ''
      const answer: unknown = await socket.timeout(10_000).emitWithAck(event, data)
      hold(`answer to ${request}`, (reply?.messages ?? []).map(({ $ref }) => messageAt(document, $ref)), answer)
    },
    hold,
    channelOf
  }
}

test('every message of the document is sent by the running service, and each message it sends is in the document', async t => {
  const instance = await startInstance(t, { DRAIN_DELAY_SECONDS: '0', DRAIN_SECONDS: '0' })
  await instance.ready()
  const document = await fetchDocument(instance.url)
  const { seen, watch, ask, hold, channelOf } = witness(t, document)
  const ann = watch(await connect(t, instance.url, { token: token({ sub: 'ann', name: 'Ann', picture: 'https://example.com/ann.png' }) }))
  const poor = watch(await connect(t, instance.url, { token: token({ sub: 'poor', capabilities: {} }) }))

  // Every request, taken and refused
  const presence = nextEvent(ann, 'presence')
  await ask(ann, 'subscribe', { event: 'SUBSCRIBE', payload: room })
  await presence
  await ask(poor, 'subscribe', { event: 'SUBSCRIBE', payload: room })
  await ask(ann, 'subscribe', { event: 'SUBSCRIBE', payload: bad }, false)
  await ask(ann, 'subscribe', { event: 'SUBSCRIBE', payload: { ...room, appId: 'other', since: { epoch: 'gone', offset: 3 } } })
  await ask(ann, 'subscribe', { event: 'SUBSCRIBE', payload: { ...room, token: 'no token' } })
  await ask(ann, 'unsubscribe', { event: 'UNSUBSCRIBE', payload: { ...room, appId: 'other' } })
  await ask(ann, 'unsubscribe', { event: 'UNSUBSCRIBE', payload: bad }, false)
  const update = nextEvent(ann, roomEvent('acme', 'board-1'))
  await ask(ann, 'publish', { ...room, event: 'MOVED', payload: { card: 1 }, id: 'move-1' })
  await update
  await ask(ann, 'publish', { ...room, event: 'MOVED', payload: { card: 1 }, id: 'move-1' })
  const ephemeral = nextEvent(ann, roomEvent('acme', 'board-1'))
  await ask(ann, 'publish', { ...room, event: 'CURSOR', payload: [1, 2], ephemeral: true })
  await ephemeral
  await ask(poor, 'publish', { ...room, event: 'MOVED', payload: null })
  await ask(ann, 'publish', { ...room, event: 'MOVED', payload: 'x'.repeat(70_000) })
  await ask(ann, 'presence', room)
  await ask(poor, 'presence', room)
  await ask(ann, 'authenticate', { token: token({ sub: 'ann' }) })
  await ask(ann, 'authenticate', { token: token({ sub: 'bob' }) })

  // Without a callback only refusals come
  for (const [event, data] of [['publish', { ...room, event: 'MOVED' }], ['presence', bad], ['authenticate', {}], ['application', { event: 'DANCE' }], ['application', null]] as const) {
    const refusal = nextEvent(ann, 'application_response')
    ann.emit(event, data)
    await refusal
  }

  // What the server says by itself
  const rex = watch(await connect(t, instance.url, { token: token({ sub: 'rex' }) }))
  const expiring = nextEvent(rex, 'token_expiring')
  await ask(rex, 'authenticate', { token: token({ sub: 'rex', exp: nowInSeconds() + 30 }) })
  await expiring
  const unsubscribed = nextEvent(ann, 'unsubscribed')
  await call(instance.url, 'POST', '/api/v1/sessions/unsubscribe', { token: token(), body: { userId: 'ann', ...room } })
  await unsubscribed
  const closing = nextEvent(rex, 'closing')
  await call(instance.url, 'POST', '/api/v1/sessions/disconnect', { token: token(), body: { userId: 'rex' } })
  await closing
  for (const bearer of [undefined, 'no token', token({ iat: 1, exp: 2 })]) {
    const { message, data } = await connect(t, instance.url, bearer === undefined ? {} : { token: bearer })
      .then(() => ({ message: 'connected', data: null }), error => error as Error & { data: unknown })
    hold('connect_error', channelOf('connect_error'), { message, data })
  }
  await subscribe(ann, 'acme', 'board-1')
  await publish(instance.url, { ...room, event: 'LAST', payload: { nested: [null, 'ü'] } })
  const draining = nextEvent(ann, 'draining')
  instance.process.kill('SIGTERM')
  await draining

  const named = Object.values(document.channels).flatMap(({ messages }) => Object.keys(messages))
  t.strictSame([...seen].sort(), named.sort(), 'no message of the document was not seen')
})
