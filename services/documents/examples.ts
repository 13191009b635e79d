// Examples for the documents, generated from the schemas: each word of the wire has one value.
import type { TSchema } from '@sinclair/typebox'
import { errorCodes, RoomcastError, type ErrorBody, type ErrorCode } from '../wire/errors.ts'

/** The example value of each property, by its name. A list stands for lists only. */
const words: Record<string, unknown> = {
  workspaceId: 'acme',
  appId: 'board-1',
  event: 'CARD_MOVED',
  payload: { card: 17, to: 'done' },
  userId: 'ann',
  id: 'move-17',
  'idempotency-key': 'move-17',
  epoch: 'pA3kX9sVd2Q',
  offset: 42,
  publishedAt: 1767225600000,
  at: 1767225600000,
  expiresAt: 1767229200000,
  issuedBefore: 1767225600000,
  displayName: 'Ann',
  photoURL: 'https://example.com/ann.png',
  email: 'ann@example.com',
  color: '#3f88c5',
  sessions: [{ id: 'x1Zk8QmT0aBcDeFgAAAB', state: { selected: 'card-7' } }],
  state: { selected: 'card-7' },
  token: 'a.fresh.token',
  jti: 'token-1',
  count: 1,
  instances: 3,
  missed: 0,
  sockets: 2,
  complete: true,
  duplicate: false,
  ephemeral: false,
  recovered: true,
  reconnect: false,
  reconnectInMs: 3500,
  limit: 100,
  ready: true,
  left: [],
  changed: [],
  reasons: [],
  instance: 'k3j9x2aa',
  members: 2,
  behind: 0,
  updatesPerMinute: 120,
  isCut: false,
  connectedAt: 1767225600000,
  address: '203.0.113.7',
  tokenEndsAt: 1767229200000,
  bytesWaiting: 0,
  roomCount: 1,
  version: '1.0.0',
  startedAt: 1767222000000,
  rooms: 1,
  cpu: 0.12,
  eventLoopDelayMs: 21.5,
  memoryBytes: 104857600,
  draining: false,
  silent: []
}

/** Generates a value of the schema: the first type of a union, and every optional property. @throws Error if a word has no example */
export function exampleOf (schema: TSchema, name = ''): unknown {
  if (schema.const !== undefined) return schema.const as unknown
  if (schema.type === 'null') return null
  if (schema.examples !== undefined) return (schema.examples as unknown[])[0]
  if (Array.isArray(schema.enum)) return (schema.enum as unknown[])[0]
  if (schema.type === 'object') {
    const properties = schema['properties'] as Record<string, TSchema>
    const { code, message } = properties
    // The message must match the code, as in the table of errors.
    if (code !== undefined && message !== undefined) return exampleWithCode(properties, exampleOf(code) as ErrorCode)
    return Object.fromEntries(Object.entries(properties).map(([property, part]) => [property, exampleOf(part, property)]))
  }
  if (Object.hasOwn(words, name) && (schema.type !== 'array' || Array.isArray(words[name]))) return words[name]
  if (Array.isArray(schema.anyOf)) return exampleOf(schema.anyOf[0] as TSchema, name)
  if (schema.type === 'array') return [exampleOf(schema['items'] as TSchema)]
  throw new Error(`no example for ${name === '' ? JSON.stringify(schema) : name}: add the word to services/documents/examples.ts`)
}

function exampleWithCode (properties: Record<string, TSchema>, code: ErrorCode): unknown {
  const error: Record<string, unknown> = { ...errorExample(code) }
  return Object.fromEntries(Object.entries(properties).map(([property, part]) => [property, error[property] ?? exampleOf(part, property)]))
}

/** The error body of a code, with its default message. */
export function errorExample (code: ErrorCode): ErrorBody {
  return new RoomcastError(code).toBody()
}

/** Groups codes by HTTP status, in the order of the table. */
export function byStatus (codes: readonly ErrorCode[]): Map<number, ErrorCode[]> {
  const statuses = new Map<number, ErrorCode[]>()
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    if (!codes.includes(code)) continue
    const { status } = errorCodes[code]
    statuses.set(status, [...statuses.get(status) ?? [], code])
  }
  return new Map([...statuses].sort(([a], [b]) => a - b))
}
