// The clock on the wall is set by an hour while sockets are connected: no token lives longer for it by more than a minute, none ends early.
import { test } from 'tap'
import type { Socket } from 'socket.io-client'
import { call, connect, eventually, nextEvent, nowInSeconds, publish, roomEvent, startWallClock, startInstance, subscribe, token } from '../helpers/index.ts'
import { httpVerdict } from './verdicts.ts'

const MINUTE_MS = 60_000
const EVENT = roomEvent('acme', 'board-1')
const room = { workspaceId: 'acme', appId: 'board-1' }

test('a clock that is set back ends no token early; one that is set forward ends those that are over, within a minute', async t => {
  const clock = startWallClock(t)
  const instance = await startInstance(t, clock.env)
  const straight = await startInstance(t)
  await Promise.all([instance.ready(), straight.ready()])
  const [brief, half, long] = [6, 1800, 3 * 3600].map(seconds => token({ sub: `user-${seconds}`, exp: nowInSeconds() + seconds, iat: nowInSeconds() - 4 * 3600 })) as [string, string, string]
  const open = async (bearer: string, url = instance.url) => {
    const socket = await connect(t, url, { token: bearer })
    await subscribe(socket, 'acme', 'board-1')
    return socket
  }
  const [ofBrief, ofHalf, ofLong] = [await open(brief), await open(half), await open(long)]
  const onRoom = await connect(t, instance.url, { token: token({ sub: 'guest', exp: nowInSeconds() + 2 * 3600, iat: 1, capabilities: {} }) })
  await subscribe(onRoom, 'acme', 'board-1', undefined, token({ sub: 'guest', exp: nowInSeconds() + 1800, iat: 1 }))
  const hears = async (...sockets: Socket[]) => {
    const heard = sockets.map(socket => nextEvent(socket, EVENT))
    t.equal((await publish(instance.url, { ...room, event: 'N', payload: 1 }, long)).status, 200)
    await Promise.all(heard)
  }

  clock.set(-1)
  // On an instance whose clock is right, the same token ends meanwhile.
  t.match(await nextEvent(await open(brief, straight.url), 'closing', undefined, 10_000), { code: 'auth/token-expired' })
  await hears(ofBrief, ofHalf, ofLong, onRoom)
  t.equal(await httpVerdict(instance.url, brief), 'accepted')

  const closings = [ofBrief, ofHalf].map(socket => nextEvent(socket, 'closing', undefined, MINUTE_MS))
  const left = nextEvent(onRoom, 'unsubscribed', undefined, MINUTE_MS)
  clock.set(1)
  for (const bearer of [brief, half]) t.equal(await httpVerdict(instance.url, bearer), 'auth/token-expired', 'over HTTP, and for whoever comes, at once')
  for (const closing of await Promise.all(closings)) t.match(closing, { code: 'auth/token-expired' })
  t.match(await left, { ...room, code: 'auth/token-expired' })
  await hears(ofLong)
  t.ok(onRoom.connected)
  await eventually(() => !ofBrief.connected && !ofHalf.connected)
})

test('after a clock that was set forward and back, what was revoked before stays revoked', async t => {
  const clock = startWallClock(t)
  const instance = await startInstance(t, { ...clock.env, TOKEN_MAX_SECONDS: '4000' })
  await instance.ready()
  const operate = token({ sub: 'operator', exp: nowInSeconds() + 3000 })
  const revoke = async (jti: string, bearer: string) => t.equal((await call(instance.url, 'POST', '/api/v1/tokens/revoke', { token: bearer, body: { jti } })).status, 200)
  await revoke('stolen', operate)
  clock.set(2)
  // Whatever is over by now is looked for with the next one.
  await revoke('another', token({ sub: 'operator', exp: nowInSeconds() + 2 * 3600 + 3000 }))
  clock.set(0)
  t.equal(await httpVerdict(instance.url, token({ jti: 'stolen', exp: nowInSeconds() + 600 })), 'auth/token-revoked')
})
