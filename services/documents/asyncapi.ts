// Describes the socket side as AsyncAPI 3.0, from the schemas that validate its messages.
import type { TSchema } from '@sinclair/typebox'
import { errorExample, exampleOf } from './examples.ts'
import { plain, type Components, type JsonSchema } from './json-schema.ts'
import { packageInfo } from './package-info.ts'
import type { Settings } from '../settings.ts'
import { clientEvents, failedResponseTo, refusalOf, serverEvents, successOf, unknownRequest, type ClientEvent } from './socket-events.ts'
import type { ErrorCode } from '../wire/errors.ts'
import { Positions } from '../wire/positions.ts'

export interface AsyncApiMessage {
  name: string
  title: string
  summary: string
  payload: JsonSchema
  examples: Array<{ name: string, payload: unknown }>
  /** The second argument of the event, for clients that keep positions. */
  'x-second-argument'?: JsonSchema
}

interface Reference {
  $ref: string
}

export interface Channel {
  address: string
  messages: Record<string, AsyncApiMessage>
  parameters?: Record<string, { description: string, examples: string[] }>
}

export interface Operation {
  /** From the server's side: it receives what clients send. */
  action: 'send' | 'receive'
  summary: string
  channel: Reference
  messages: Reference[]
  reply?: { channel: Reference, messages: Reference[] }
}

export interface AsyncApi {
  asyncapi: '3.0.0'
  info: object
  defaultContentType: string
  servers: object
  channels: Record<string, Channel>
  operations: Record<string, Operation>
  components: { schemas: Components, securitySchemes: object }
}

const RECOVERY = 'An unmodified socket.io-client recovers without extra code. `x-second-argument` of a message is a second argument of its event: the client keeps it, and sends it as `offset` when it reconnects, with the `pid` of the last CONNECT. If all rooms were recovered, the answer to CONNECT has the same `pid`, `socket.recovered` is true, and the missed updates follow. `positions: false` beside the token turns it off.'
const PRESENCE = 'Each session has a state, which `presence` sets and everyone in the room sees. A webhook tells your backend which users join and leave: `webhooks` in /openapi.json.'

/** The event that answers `application`. */
export const RESPONSE = 'application_response'

export function createAsyncApi ({ SOCKET_PATH }: Pick<Settings, 'SOCKET_PATH'>): AsyncApi {
  const schemas: Components = {}
  const channels: Record<string, Channel> = {}
  const operations: Record<string, Operation> = {}

  for (const client of clientEvents) addRequest(client)
  addMessage(RESPONSE, RESPONSE, messageOf('unknownRequest', 'Refusal of an application event that names no known request.', unknownRequest))
  for (const { name, event, summary, data, hasPositions } of serverEvents) {
    // Both directions of `presence` share one channel.
    const channel = event.includes('{') ? name : event
    addMessage(channel, event, messageOf(name, summary, data), hasPositions)
    operations[name] = { action: 'send', summary, channel: channelRef(channel), messages: [messageRef(channel, name)] }
  }

  function addRequest (client: ClientEvent): void {
    const { request, event, summary, data } = client
    const name = request.toLowerCase()
    const isApplication = event === 'application'
    const replies = isApplication ? RESPONSE : event
    const [answered, refused] = [`${name}Answered`, `${name}Refused`]
    addMessage(event, event, messageOf(name, summary, data))
    addMessage(replies, replies, messageOf(answered, `Answer to ${request}${isApplication ? ', also through the callback' : ', through the callback'}.`, successOf(client)))
    addMessage(replies, replies, refusal(refused, `Refusal of ${request}${isApplication ? ', also through the callback' : ', through the callback'}.`, refusalOf(client), client.codes))
    operations[name] = {
      action: 'receive',
      summary,
      channel: channelRef(event),
      messages: [messageRef(event, name)],
      reply: { channel: channelRef(replies), messages: [messageRef(replies, answered), messageRef(replies, refused)] }
    }
    if (isApplication) return
    const told = `${name}RefusedWithoutCallback`
    addMessage(RESPONSE, RESPONSE, refusal(told, `Refusal of ${request}, if no callback was given.`, failedResponseTo(client), client.codes))
    operations[told] = { action: 'send', summary: `Refusal of ${request}, if no callback was given.`, channel: channelRef(RESPONSE), messages: [messageRef(RESPONSE, told)] }
  }

  function addMessage (channel: string, address: string, message: AsyncApiMessage, hasPositions = channel === RESPONSE): void {
    const parameters = [...address.matchAll(/\{(\w+)\}/g)].map(([, id = '']) => [id, { description: `${id} of the room`, examples: [String(exampleOf({} as TSchema, id))] }])
    channels[channel] ??= { address, messages: {}, ...parameters.length > 0 ? { parameters: Object.fromEntries(parameters) } : {} }
    channels[channel].messages[message.name] = hasPositions ? { ...message, 'x-second-argument': plain(Positions, schemas) } : message
  }

  function messageOf (name: string, summary: string, data: TSchema): AsyncApiMessage {
    return { name, title: name, summary, payload: plain({ ...data, $id: undefined }, schemas), examples: [{ name: 'example', payload: exampleOf(data) }] }
  }

  function refusal (name: string, summary: string, data: TSchema, codes: readonly ErrorCode[]): AsyncApiMessage {
    const example = exampleOf(data) as object
    return { ...messageOf(name, summary, data), examples: codes.map(code => ({ name: code, payload: { ...example, error: errorExample(code) } })) }
  }

  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Roomcast over Socket.IO',
      version: packageInfo.version,
      license: { name: packageInfo.license },
      description: `${packageInfo.description}\n\nChannels are Socket.IO events of the main namespace. A browser sends its token as \`auth: { token }\` in the handshake; other clients may use the Authorization header. The HTTP side is described in /openapi.json.\n\n${RECOVERY}\n\n${PRESENCE}`
    },
    defaultContentType: 'application/json',
    servers: {
      instance: {
        host: '{host}',
        pathname: SOCKET_PATH,
        protocol: 'socket.io',
        protocolVersion: '5',
        description: 'Socket.IO 4 over WebSocket or long polling.',
        variables: { host: { default: '127.0.0.1:3000', description: 'host and port of the service' } },
        security: [{ $ref: '#/components/securitySchemes/bearer' }]
      }
    },
    channels,
    operations,
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: '`auth.token` of the handshake, or the Authorization header.' }
      }
    }
  }
}

function channelRef (channel: string): Reference {
  return { $ref: `#/channels/${channel}` }
}

function messageRef (channel: string, message: string): Reference {
  return { $ref: `#/channels/${channel}/messages/${message}` }
}
