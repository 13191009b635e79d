// deploy/nginx.conf with a real nginx in front of three instances: every client reaches its instance, also when one dies.
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { test } from 'tap'
import type { Socket } from 'socket.io-client'
import {
  call, connect, eventually, follow, noEvent, publish, roomEvent, startClock, startNginx, startThree, subscribe, token, within
} from './helpers/index.ts'

/** The engine's session id begins with the name of the instance. */
function instanceOf (socket: Socket): string {
  return String((socket.io.engine as unknown as { id: string }).id).split('.')[0] ?? ''
}

/** The path goes out as it is spelt; fetch would tidy it up. */
async function statusOf (url: string, method: string, path: string, bearer: string): Promise<number> {
  const { hostname, port } = new URL(url)
  const sent = request({ agent: false, hostname, port, method, path, headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' } })
  sent.end(method === 'POST' ? '{}' : undefined)
  const [response] = await once(sent, 'response') as [IncomingMessage]
  response.resume()
  return response.statusCode ?? 0
}

function transportOf (socket: Socket): string {
  return socket.io.engine.transport.name
}

test('three whole instances', async t => {
  const { nginx, redis, instances } = await startThree(t)

  await t.test('clients of one address are spread evenly, over both transports and the upgrade, and all hear the room alone', async t => {
    // These stay, on two instances of three: those who come later must not all go to the third.
    for (const sub of ['first', 'second']) await connect(t, nginx.url, { token: token({ sub }), transports: ['websocket'] })
    const kinds = [['polling'], ['websocket'], ['polling', 'websocket']]
    for (const transports of kinds) {
      const sockets = await Promise.all(Array.from({ length: 30 }, (_, i) => connect(t, nginx.url, { token: token({ sub: `user-${i}` }), transports })))
      const counts = ['a', 'b', 'c'].map(name => sockets.filter(socket => instanceOf(socket) === name).length)
      t.ok(counts.every(count => count >= 8 && count <= 12), `${transports.join()} spread ${counts.join(', ')}`)
      await eventually(() => sockets.every(socket => transportOf(socket) === transports.at(-1)), 10_000)

      const room = transports.join('-')
      const [outsider, ...members] = sockets as [Socket, ...Socket[]]
      await subscribe(outsider, 'acme', 'elsewhere')
      const followers = await Promise.all(members.map(member => follow(member, 'acme', room)))
      await noEvent(outsider, roomEvent('acme', room), async () => {
        const { status } = await publish(nginx.internalUrl, { workspaceId: 'acme', appId: room, event: 'HELLO', payload: 1 })
        t.equal(status, 200)
        await Promise.all(followers.map(follower => follower.until(1, 10_000)))
        await subscribe(outsider, 'acme', 'barrier')
      })
      for (const socket of sockets) socket.close()
    }
  })

  await t.test('a reload disconnects nobody, and newcomers are served', async t => {
    const sockets = await Promise.all([['polling'], ['websocket'], ['polling', 'websocket'], ['websocket']].map(
      (transports, i) => connect(t, nginx.url, { token: token({ sub: `user-${i}` }), transports })
    ))
    const followers = await Promise.all(sockets.map(socket => follow(socket, 'acme', 'reloaded')))
    const ends: string[] = []
    for (const socket of sockets) socket.on('disconnect', reason => { ends.push(reason) })
    for (let n = 1; n <= 3; n++) {
      await nginx.reload()
      const newcomer = await connect(t, nginx.url, { token: token({ sub: `new-${n}` }), transports: ['websocket'] })
      followers.push(await follow(newcomer, 'acme', 'reloaded'))
      const { status } = await publish(nginx.internalUrl, { workspaceId: 'acme', appId: 'reloaded', event: 'N', payload: n })
      t.equal(status, 200)
      await Promise.all(followers.map(follower => follower.until(n, 10_000)))
    }
    t.strictSame(ends, [])
  })

  await t.test('from outside: internal routes are closed however they are spelt, the others are open', async t => {
    const bearer = token()
    const closed: Array<[string, string]> = [
      ['GET', '/metrics'], ['GET', '/metrics/'], ['GET', '//metrics'], ['GET', '/METRICS'], ['GET', '/%6detrics'], ['GET', '/metrics?x=1'],
      ['GET', '/api/../metrics'], ['GET', '/readyz'], ['GET', '/livez'],
      ['POST', '/api/v1/publish'], ['POST', '/api/v1/publish/batch'], ['POST', '/api/v1/publish/many'], ['POST', '/api/v1/%70ublish'], ['POST', '/api/v1//publish'],
      ['POST', '/api/v1%2Fpublish'], ['POST', '/api/v1/sessions/disconnect'], ['POST', '/api/v1/sessions/unsubscribe'], ['POST', '/api/v1/tokens/revoke'],
      ['GET', '/inspector/'], ['GET', '/inspector/main.js'], ['GET', '/api/v1/rooms'], ['GET', '/api/v1/sessions?userId=ann'], ['GET', '/api/v1/instances'],
      ['GET', '/api/v1/workspaces/acme/apps/board-1'], ['GET', '/api/v1/workspaces/acme/apps/board-1/']
    ]
    for (const [method, path] of closed) {
      const status = await statusOf(nginx.url, method, path, bearer)
      t.ok([403, 404].includes(status), `${method} ${path} answers ${status}`)
    }
    const put = await call(nginx.url, 'PUT', '/api/v1/apps/', { token: bearer, body: { workspaceId: 'acme', appId: 'board-1', displayName: 'Plans' } })
    t.equal(put.status, 200)
    t.equal((await call(nginx.url, 'GET', '/api/v1/health/')).status, 200)
    t.equal((await call(nginx.url, 'GET', '/api/v1/workspaces/acme/apps/board-1/history?limit=10', { token: bearer })).status, 200)
    t.equal((await call(nginx.internalUrl, 'GET', '/metrics')).status, 200)
    for (const path of ['/inspector/', '/api/v1/rooms', '/api/v1/instances', '/api/v1/workspaces/acme/apps/board-1']) {
      t.equal((await call(nginx.internalUrl, 'GET', path, { token: bearer })).status, 200, path)
    }
    for (const transports of [['polling'], ['websocket']]) await subscribe(await connect(t, nginx.internalUrl, { token: bearer, transports }), 'acme', 'inspected')
    t.equal((await call(nginx.internalUrl, 'POST', '/api/v1/sessions/disconnect', { token: bearer, body: { userId: 'nobody' } })).status, 200)
  })

  await t.test('a flood of newcomers from one address is held back, and those who are in are not', async t => {
    const [a, b, c] = instances
    // Of its own: the address is held back for a while after this.
    const nginx = await startNginx(t, [a.port, b.port, c.port])
    const member = await follow(await connect(t, nginx.url, { token: token(), transports: ['websocket'] }), 'acme', 'flooded')
    const statuses: number[] = []
    await within(30_000, 'the flood', Promise.all(Array.from({ length: 16 }, async () => {
      while (statuses.length < 2500 && !statuses.includes(429)) {
        const response = await fetch(`${nginx.url}/socket.io/?EIO=4&transport=polling`)
        await response.text()
        statuses.push(response.status)
      }
    })))
    t.ok(statuses.filter(status => status === 200).length >= 1000, 'an office that comes back at once is let in')
    t.ok(statuses.includes(429))
    t.equal((await publish(nginx.internalUrl, { workspaceId: 'acme', appId: 'flooded', event: 'N', payload: 1 })).status, 200)
    await member.until(1)
  })

  await t.test('while Redis is unavailable, publishers get the 503 of the service; a short failure of each instance locks nobody out', async t => {
    const update = { workspaceId: 'acme', appId: 'outage', event: 'N', payload: 1 }
    await redis.stop()
    for (let n = 0; n < 30; n++) {
      const { status, body } = await publish(nginx.internalUrl, update)
      t.equal(status, 503)
      t.match(body.error?.code, /^broker\//)
    }
    const newcomer = await connect(t, nginx.url, { token: token(), transports: ['websocket'] })
    t.ok(newcomer.connected)
    await redis.restart()
    const { status } = await eventually(async () => {
      const reply = await publish(nginx.internalUrl, update)
      return reply.status === 200 && reply
    }, 5000)
    t.equal(status, 200)
  })

  await t.test('an instance that is killed: its clients are back on another within 3 s and whole, the others notice nothing', async t => {
    const sockets = await Promise.all(Array.from({ length: 30 }, (_, i) => connect(t, nginx.url, {
      token: token({ sub: `user-${i}` }), transports: i % 2 === 0 ? ['websocket'] : ['polling', 'websocket'], reconnection: true
    })))
    await eventually(() => sockets.every(socket => transportOf(socket) === 'websocket'), 10_000)
    const followers = await Promise.all(sockets.map(socket => follow(socket, 'acme', 'killed')))
    const victims = sockets.filter(socket => instanceOf(socket) === 'b')
    const bystanders = sockets.filter(socket => instanceOf(socket) !== 'b')
    const ends: string[] = []
    for (const socket of bystanders) socket.on('disconnect', reason => { ends.push(reason) })
    t.ok(victims.length > 0)

    const clock = startClock(t)
    await instances[1]?.kill('SIGKILL')
    const back = Promise.all(victims.map(socket => eventually(() => socket.connected && instanceOf(socket) !== 'b', 10_000).then(() => clock.now())))
    for (let n = 1; n <= 40; n++) {
      const { status } = await publish(nginx.internalUrl, { workspaceId: 'acme', appId: 'killed', event: 'N', payload: n })
      t.equal(status, 200, `publish ${n} while an instance is gone`)
    }
    const times = await back
    t.ok(Math.max(...times) < 3000, `back after ${Math.max(...times)} ms at most`)
    for (const follower of followers) {
      const updates = await follower.until(40, 10_000)
      t.strictSame(updates.map(({ payload }) => payload), Array.from({ length: 40 }, (_, i) => i + 1))
    }
    t.strictSame(ends, [])
  })

  await t.test('no token and no query reaches a log, also when nginx has something to complain about', async t => {
    const secret = token({ sub: 'leak' })
    const socket = await connect(t, nginx.url, { token: secret, query: { token: secret }, transports: ['polling', 'websocket'] })
    await subscribe(socket, 'acme', 'board-1')
    await call(nginx.url, 'GET', `/api/v1/health/?token=${secret}`, { token: secret, headers: { referer: `http://x/?token=${secret}` } })
    await Promise.all(instances.map(instance => instance.kill()))
    const { status } = await call(nginx.url, 'GET', `/api/v1/health/?token=${secret}`, { token: secret })
    t.equal(status, 502)
    const lines = await eventually(async () => {
      const found = (await nginx.accessLog()).trim().split('\n')
      return found.some(line => line.includes('"status":"502"')) && found
    })
    t.ok(lines.some(line => (JSON.parse(line) as { path: string }).path === '/socket.io/'), 'requests are logged')
    const [, body = ''] = secret.split('.')
    for (const text of [lines.join('\n'), await nginx.errorLog(), ...instances.map(instance => instance.output())]) {
      t.notMatch(text, body)
      t.notMatch(text, 'token=')
      t.notMatch(text, 'transport=')
    }
  })
})
