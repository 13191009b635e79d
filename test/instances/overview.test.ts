// Looking inside: what three instances say together is what is, to those who may see it, and a silent one is named.
import t, { test } from 'tap'
import type { Socket } from 'socket.io-client'
import type { InstancesPage, RoomPage, RoomsPage, SessionsPage } from '../../services/wire/overview.ts'
import {
  cluster, connect, enter, eventually, lookFrom, publish, startClock, startInstance, startRedis, subscribe, token, type Instance
} from '../helpers/index.ts'

const redis = await startRedis(t)
const instances = await cluster(t, 3, { REDIS_URL: redis.url, LOG_LEVEL: 'trace' })
await Promise.all(instances.map(({ ready }) => ready()))
const [one, two, three] = instances
const look = lookFrom(one)

/** All pages, one after the other. */
async function all<T extends { next: string | null }> (path: string, limit: number): Promise<T[]> {
  const pages: T[] = []
  let after = ''
  do {
    const { data } = await look<T>(`${path}&limit=${limit}${after}`, instances[pages.length % 3])
    pages.push(data)
    after = data.next === null ? '' : `&after=${encodeURIComponent(data.next)}`
  } while (after !== '' && pages.length < 100)
  return pages
}

/** The name that each instance has. */
const nameOf = async (instance: Instance) => {
  const socket = await connect(t, instance.url, { token: token({ sub: 'namer' }) })
  return (socket.io.engine as unknown as { id: string }).id.split('.')[0] as string
}
const names = await Promise.all(instances.map(nameOf))

test('rooms: users and connections by instance, position and pace are as they are; who left is gone', async t => {
  const [ann, , bob] = await Promise.all([
    enter(t, one, 'ann', 'counts', 'a', 'b'), enter(t, one, 'ann', 'counts', 'a'), enter(t, two, 'bob', 'counts', 'a'), enter(t, two, 'cat', 'counts', 'a')
  ])
  await enter(t, three, 'dan', 'elsewhere', 'a')
  for (let n = 1; n <= 5; n++) await publish(three.url, { workspaceId: 'counts', appId: 'a', event: 'N', payload: n })
  const of = async () => (await look<RoomsPage>('/rooms?workspaceId=counts', three)).data
  await eventually(async () => (await of()).rooms[0]?.instances.every(({ offset }) => offset === 5))

  const { complete, next, rooms } = await of()
  t.match({ complete, next }, { complete: true, next: null })
  t.strictSame(rooms.map(({ workspaceId, appId, members, sockets, behind, offset, updatesPerMinute }) => [workspaceId, appId, members, sockets, behind, offset, updatesPerMinute]), [
    ['counts', 'a', 3, 4, 0, 5, 5], ['counts', 'b', 1, 1, 0, 0, 0]
  ])
  t.strictSame(rooms[0]?.instances.map(({ instance, members, sockets }) => [instance, members, sockets]), [[names[0], 1, 2], [names[1], 2, 2]].sort())
  t.equal(rooms[0]?.epoch, rooms[0]?.instances[0]?.epoch)

  ann?.close()
  bob?.close()
  const after = await eventually(async () => {
    const page = await of()
    return page.rooms.length === 1 && page.rooms[0]?.sockets === 2 && page.rooms
  })
  t.match(after, [{ appId: 'a', members: 2, instances: [{ sockets: 1 }, { sockets: 1 }] }])
})

test('rooms: pages are whole, in order and without repeat, from whichever instance each comes', async t => {
  const apps = (n: number) => Array.from({ length: 25 }, (_, i) => `app-${String(i * 2 + n).padStart(3, '0')}`)
  await Promise.all([enter(t, one, 'ann', 'pages', ...apps(0)), enter(t, two, 'bob', 'pages', ...apps(1)), enter(t, three, 'cat', 'pages', ...apps(0))])
  for (const limit of [1, 7, 50, 100]) {
    const pages = await all<RoomsPage>('/rooms?workspaceId=pages', limit)
    const found = pages.flatMap(({ rooms }) => rooms.map(({ appId }) => appId))
    t.strictSame(found, [...apps(0), ...apps(1)].sort(), `${limit} a page`)
    t.ok(pages.every(({ rooms, complete }) => rooms.length <= limit && complete))
  }
  const everywhere = (await look<RoomsPage>('/rooms')).data.rooms.map(({ workspaceId, appId }) => `${workspaceId}/${appId}`)
  t.ok(everywhere.includes('pages/app-000'))
  t.strictSame(everywhere.filter(room => room.startsWith('$')), [], 'no room of the service itself')
})

test('a room: who is in it, and its newest updates, the newest first; a long payload is cut; nobody in it is no error', async t => {
  await enter(t, two, 'ann', 'room', 'a')
  for (let n = 1; n <= 25; n++) await publish(one.url, { workspaceId: 'room', appId: 'a', event: 'N', payload: n === 25 ? 'é'.repeat(30_000) : { n } })
  const { data } = await look<RoomPage>('/workspaces/room/apps/a', three)
  t.match(data, { workspaceId: 'room', appId: 'a', offset: 25, complete: true, members: 1, sockets: 1, instances: [{ instance: names[1] }] })
  t.strictSame(data.updates.map(({ offset }) => offset), Array.from({ length: 20 }, (_, n) => 25 - n))
  t.match(data.updates[0], { isCut: true, userId: 'svc-test', event: 'N', epoch: data.epoch })
  t.equal((data.updates[0]?.payload as string).length, 4096)
  t.match(data.updates[1], { isCut: false, payload: { n: 24 } })

  for (let n = 1; n <= 25; n++) await publish(one.url, { workspaceId: 'room', appId: 'large', event: 'N', payload: 'x'.repeat(65_000) })
  t.equal((await look<RoomPage>('/workspaces/room/apps/large')).data.updates.length, 20, 'also where they take more than one read')
  t.match(await look<RoomPage>('/workspaces/room/apps/nobody'), { status: 200, data: { offset: 0, sockets: 0, instances: [], updates: [], complete: true } })
})

test('sessions: each connection of a user, with its rooms and positions, and of no other', async t => {
  const ends = Math.floor(Date.now() / 1000) + 600
  const [ws] = await Promise.all([enter(t, one, 'zoe', 'sess', 'a', 'b'), enter(t, three, 'zack', 'sess', 'a')])
  const polling = await connect(t, two.url, { token: token({ sub: 'zoe', exp: ends }), transports: ['polling'] })
  await subscribe(polling, 'sess', 'a')
  await publish(one.url, { workspaceId: 'sess', appId: 'a', event: 'N', payload: 1 })
  const sessions = await eventually(async () => {
    const { data } = await look<SessionsPage>('/sessions?userId=zoe', three)
    return data.sessions.length === 2 && data.sessions.every(({ rooms }) => rooms[0]?.offset === 1) && data.sessions
  })
  const of = (socket: Socket | undefined) => sessions.find(({ id }) => id === socket?.id)
  t.match(of(ws), {
    instance: names[0],
    transport: 'websocket',
    address: '127.0.0.1',
    bytesWaiting: 0,
    roomCount: 2,
    rooms: [{ workspaceId: 'sess', appId: 'a', offset: 1, behind: 0 }, { appId: 'b', offset: 0 }]
  })
  t.match(of(polling), { instance: names[1], transport: 'polling', tokenEndsAt: ends * 1000, roomCount: 1 })
  for (const { connectedAt } of sessions) t.ok(Math.abs(Date.now() - connectedAt) < 60_000)

  const pages = await all<SessionsPage>('/sessions?userId=zoe', 1)
  t.strictSame(pages.flatMap(({ sessions }) => sessions.map(({ id }) => id)), sessions.map(({ id }) => id).sort())
  t.strictSame((await look<SessionsPage>('/sessions?userId=nobody')).data.sessions, [])
})

test('instances: who lives, since when, how it fares; pages of them too', async t => {
  const { data } = await look<InstancesPage>('/instances')
  t.strictSame(data.instances.map(({ instance }) => instance), [...names].sort())
  t.match({ complete: data.complete, next: data.next, silent: data.silent }, { complete: true, next: null, silent: [] })
  for (const instance of data.instances) {
    t.match(instance, { ready: true, reasons: [], draining: false, version: /^\d+\.\d+\.\d+/ })
    t.ok(instance.startedAt <= Date.now() && instance.memoryBytes > 1e7 && instance.cpu >= 0 && instance.eventLoopDelayMs >= 0 && instance.sockets > 0)
  }
  const pages = await all<InstancesPage>('/instances?', 2)
  t.strictSame(pages.map(({ instances }) => instances.length), [2, 1])
})

test('a stopped instance is missed within 1.1 s and named; when it goes on, all is complete', async t => {
  await Promise.all([enter(t, one, 'ann', 'stop', 'a'), enter(t, two, 'bob', 'stop', 'b')])
  two.pause()
  try {
    for (const path of ['/rooms?workspaceId=stop', '/workspaces/stop/apps/a', '/sessions?userId=ann', '/instances']) {
      const clock = startClock(t)
      const { data } = await look<InstancesPage & RoomsPage>(path)
      t.ok(clock.now() < 1100, `${path} took ${Math.round(clock.now())} ms`)
      t.equal(data.complete, false, path)
      if (path === '/instances') t.strictSame([data.silent, data.instances.length], [[names[1]], 2])
      if (path.startsWith('/rooms')) t.match(data.rooms, [{ appId: 'a' }])
    }
  } finally {
    two.resume()
  }
  await eventually(async () => (await look<InstancesPage>('/instances')).data.complete)
})

test('while Redis is away or hangs, an instance answers for itself within 1.1 s', async t => {
  const own = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: own.url })
  await instance.ready()
  await enter(t, instance, 'ann', 'alone', 'a')
  const answersAlone = async () => {
    for (const path of ['/rooms', '/sessions?userId=ann', '/instances', '/workspaces/alone/apps/a']) {
      const clock = startClock(t)
      const { status, data } = await look<InstancesPage>(path, instance)
      t.ok(clock.now() < 1100, `${path} took ${Math.round(clock.now())} ms`)
      t.match({ status, complete: data.complete }, { status: 200, complete: false }, path)
    }
    t.match((await look<RoomsPage>('/rooms', instance)).data.rooms, [{ appId: 'a', sockets: 1 }])
    t.match(await look('/workspaces/alone/apps/nobody', instance), { status: 503, code: 'broker/unavailable' })
  }
  own.pause()
  await answersAlone()
  await eventually(async () => (await look<InstancesPage>('/instances', instance)).data.instances[0]?.ready === false)
  t.ok((await look<InstancesPage>('/instances', instance)).data.instances[0]?.reasons.length)
  own.resume()
  await instance.ready()
  await own.stop()
  await answersAlone()
})

test('with the embedded broker it is the same', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  await enter(t, instance, 'ann', 'acme', 'a')
  await publish(instance.url, { workspaceId: 'acme', appId: 'a', event: 'N', payload: 1 })
  t.match((await look<RoomsPage>('/rooms', instance)).data, { complete: true, next: null, rooms: [{ appId: 'a', members: 1, offset: 1 }] })
  t.match((await look<RoomPage>('/workspaces/acme/apps/a', instance)).data, { complete: true, sockets: 1, updates: [{ offset: 1, payload: 1 }] })
  t.match((await look<SessionsPage>('/sessions?userId=ann', instance)).data, { complete: true, sessions: [{ roomCount: 1 }] })
  t.match((await look<InstancesPage>('/instances', instance)).data, { complete: true, silent: [], instances: [{ sockets: 1, rooms: 1 }] })
})
