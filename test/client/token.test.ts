// Tokens of the client: renewed before they end, fetched anew when refused or over, and never in an endless stream.
import { test } from 'tap'
import { clientOf, eventually, heard, startInstance, told, token } from '../helpers/index.ts'
import { nowInSeconds } from '../helpers/token.ts'

test('a token is renewed before it ends, and the connection lives on past its end', async t => {
  const instance = await startInstance(t, { TOKEN_EXPIRING_SECONDS: '2' })
  await instance.ready()
  const end = nowInSeconds() + 4
  let asked = 0
  const client = clientOf(t, instance.url, {}, { token: () => ++asked === 1 ? token({ exp: end }) : token() })
  const room = client.room('acme', 'board-1')
  await heard(room, 'joined')
  const statuses: string[] = []
  client.on('status', status => statuses.push(status))
  const { sessionId } = client
  await eventually(() => asked === 2)
  await eventually(() => Date.now() > end * 1000 + 1500, 10_000)
  t.equal((await room.publish('N', 1)).offset, 1)
  t.equal(client.sessionId, sessionId)
  t.strictSame(statuses, [], 'never away')
  t.equal(asked, 2)
})

test('a room token is renewed before it ends', async t => {
  const instance = await startInstance(t, { TOKEN_EXPIRING_SECONDS: '2' })
  await instance.ready()
  const end = nowInSeconds() + 4
  let asked = 0
  const capabilities = { 'acme/board-1': ['subscribe'] }
  const client = clientOf(t, instance.url, { capabilities: {} })
  const room = client.room('acme', 'board-1', { token: () => ++asked === 1 ? token({ exp: end, capabilities }) : token({ capabilities }) })
  const errors: string[] = []
  room.on('error', ({ code }) => errors.push(code))
  await heard(room, 'joined')
  await heard(room, 'joined')
  await eventually(() => Date.now() > end * 1000 + 1500, 10_000)
  t.ok(room.isJoined)
  t.equal(asked, 2)
  t.strictSame(errors, [])
})

test('after a token has expired a fresh one is fetched, at the start and later', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  let asked = 0
  const client = clientOf(t, instance.url, {}, {
    token: async () => {
      asked++
      if (asked === 1) return token({ exp: nowInSeconds() - 10 })
      if (asked === 2) throw new Error('the issuer is away')
      return asked < 5 ? token({ exp: nowInSeconds() + 2 }) : token()
    }
  })
  const errors: string[] = []
  client.on('error', ({ code }) => errors.push(code))
  await told(client, 'status', status => status === 'connected')
  t.strictSame(errors, ['auth/token-expired', 'client/no-token'])
  const room = client.room('acme', 'board-1')
  await heard(room, 'joined')
  await eventually(() => asked >= 5, 15_000)
  await eventually(() => client.status === 'connected' && room.isJoined)
  t.equal((await room.publish('N', 1)).offset, 1)
})

test('tokens that live for less than the notice make no endless stream of requests', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  let asked = 0
  const client = clientOf(t, instance.url, {}, { token: () => token({ exp: nowInSeconds() + (asked++, 30) }) })
  await told(client, 'status', status => status === 'connected')
  const startedAt = Date.now()
  await eventually(() => Date.now() - startedAt > 3000)
  t.ok(asked <= 3, `asked ${asked} times`)
})

test('a token that is not valid is refused for good', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  let asked = 0
  const client = clientOf(t, instance.url, {}, { token: () => `no token ${++asked}` })
  const refused = told(client, 'error')
  await told(client, 'status', status => status === 'closed')
  t.match(await refused, { code: 'auth/invalid-token', retryable: false })
  t.equal(asked, 1)
})
