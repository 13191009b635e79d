// Nothing of the client is silent, and nothing of it is left running: what goes wrong is heard, by a listener or in the
// console; a token with white space works; after `close` the process ends by itself.
import { test, type Test } from 'tap'
import type { ErrorInfo } from '@roomcast/client'
import { clientOf, eventually, heard, startInstance, TEST_SECRET, told, token, within } from '../helpers/index.ts'
import { startChild } from '../helpers/child.ts'
import { pathOf } from '../helpers/paths.ts'

/** What the console of this process is given from now on. */
function warnings (t: Test): () => string[] {
  const calls = t.capture(console, 'warn')
  const lines: string[] = []
  return () => {
    lines.push(...calls().map(({ args }) => String(args[0])))
    return lines
  }
}

test('a token with a newline around it works, as it comes from a file or a command', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const client = clientOf(t, instance.url, {}, { token: () => `\n${token()}\r\n` })
  await told(client, 'status', status => status === 'connected')
})

test('without a listener the console says once what is wrong and what to do', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const lines = warnings(t)
  const lost = clientOf(t, 'http://127.0.0.1:9', {}, { socket: { reconnectionDelay: 10, reconnectionDelayMax: 10 } })
  let attempts = 0
  lost.socket.io.on('reconnect_failed', () => { attempts++ })
  lost.socket.io.on('reconnect_error', () => { attempts++ })
  await eventually(() => attempts >= 3)

  const client = clientOf(t, instance.url, { capabilities: { 'acme/open': ['subscribe'] } })
  const shut = ['one', 'two'].map(appId => client.room('acme', appId))
  await heard(client.room('acme', 'open'), 'joined')
  t.notOk(shut.some(({ isJoined }) => isJoined))
  const refused = clientOf(t, instance.url, {}, { token: () => 'no token' })
  await told(refused, 'status', status => status === 'closed')
  t.strictSame(lines().map(line => line.split(':')[0]), ['[roomcast] client/unreachable', '[roomcast] auth/forbidden', '[roomcast] auth/invalid-token'])
  t.match(lines()[0], /http:\/\/127\.0\.0\.1:9.*CORS_ORIGINS/)
  t.match(lines()[1], /auth\/forbidden: .+ get a token/)
})

test('a listener at the room hears its errors; without one the listener at the client does, with the name of the room', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const lines = warnings(t)
  const client = clientOf(t, instance.url, { capabilities: {} })
  const atClient: ErrorInfo[] = []
  const atRoom: ErrorInfo[] = []
  client.on('error', error => atClient.push(error))
  client.room('acme', 'one').on('error', error => atRoom.push(error))
  client.room('acme', 'two')
  await eventually(() => atClient.length + atRoom.length === 2)
  t.match(atRoom, [{ code: 'auth/forbidden', workspaceId: 'acme', appId: 'one' }])
  t.match(atClient, [{ code: 'auth/forbidden', workspaceId: 'acme', appId: 'two' }])
  t.strictSame(lines(), [])
})

test('an unreachable service is reported once per outage', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const client = clientOf(t, instance.url, {}, { socket: { reconnectionDelay: 10, reconnectionDelayMax: 20 } })
  const errors: ErrorInfo[] = []
  client.on('error', error => errors.push(error))
  await told(client, 'status', status => status === 'connected')
  let attempts = 0
  client.socket.io.on('reconnect_error', () => { attempts++ })
  await instance.kill()
  await eventually(() => attempts >= 3)
  await startInstance(t, { PORT: String(instance.port) })
  await eventually(() => client.status === 'connected', 20_000)
  t.strictSame(errors.map(({ code }) => code), ['client/unreachable'])
})

/** A program in a process of its own, with the client at hand. */
async function run (t: Test, url: string, program: string) {
  return await startChild(t, process.execPath, ['--input-type=module', '-e', `
    import { createSigner } from 'fast-jwt'
    import { createClient } from '@roomcast/client'
    const tokenFor = seconds => createSigner({ key: ${JSON.stringify(TEST_SECRET)}, expiresIn: seconds * 1000 })({ sub: 'ann', capabilities: { '*/*': ['subscribe', 'publish'] } })
    const url = ${JSON.stringify(url)}
    ${program}
  `], { PATH: process.env.PATH, PWD: pathOf() })
}

test('after close() nothing keeps the process: no renewal, no retry, no deadline, no room that lingers', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const child = await run(t, instance.url, `
    // Tokens that live for less than the notice: their renewal is always under way.
    const client = createClient(url, { token: () => tokenFor(30) })
    client.on('error', () => {})
    const room = client.room('acme', 'board-1', { token: () => tokenFor(30) })
    client.room('acme', 'board-2').leave()
    let asked = 0
    client.socket.on('token_expiring', () => {
      if (++asked !== 2) return
      client.close()
      room.publish('N', 1).catch(({ code }) => console.log(code))
      room.leave()
      // Rings only in a process that something else keeps alive.
      setTimeout(() => console.log('still here'), 900).unref()
    })
  `)
  t.match(await within(30_000, 'its end', child.exited), { code: 0 })
  t.match(child.output(), 'client/closed')
  t.notMatch(child.output(), 'still here')
})

test('a client that a listener closes stays closed', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const failing = () => {
    const asked = { times: 0 }
    const client = clientOf(t, instance.url, {}, { token: () => { throw new Error(`no session, ${++asked.times}`) } })
    return { client, asked }
  }
  const [closing, other] = [failing(), failing()]
  closing.client.on('error', () => { closing.client.close() })
  other.client.on('error', () => {})
  // The other one goes on trying meanwhile.
  await eventually(() => other.asked.times >= 4, 10_000)
  t.strictSame([closing.asked.times, closing.client.status, closing.client.socket.active], [1, 'closed', false])
})

test('a listener that throws is heard of, and keeps no update from the others', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const child = await run(t, instance.url, `
    process.on('uncaughtException', error => console.log('uncaught', error.message))
    const client = createClient(url, { token: () => tokenFor(600) })
    const [one, two] = [client.room('acme', 'board-1'), client.room('acme', 'board-1')]
    one.on('N', () => { throw new Error('of a listener') })
    two.on('N', ({ payload }) => {
      console.log('heard', payload)
      if (payload === 2) client.close()
    })
    await Promise.allSettled([1, 2].map(n => one.publish('N', n)))
  `)
  t.match(await within(30_000, 'its end', child.exited), { code: 0 })
  t.strictSame(child.output().trim().split('\n').sort(), ['heard 1', 'heard 2', 'uncaught of a listener', 'uncaught of a listener'])
})
