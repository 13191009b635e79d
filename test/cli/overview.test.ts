// `roomcast rooms`, `sessions`, `instances`: what goes on, from the command line.
import t, { test } from 'tap'
import type { RoomsPage } from '../../services/wire/overview.ts'
import { cluster, connect, publish, roomcast, startRedis, subscribe, token } from '../helpers/index.ts'

const redis = await startRedis(t)
const [one, two] = await cluster(t, 2, { REDIS_URL: redis.url })
await Promise.all([one.ready(), two.ready()])
const env = { ROOMCAST_URL: one.url, ROOMCAST_TOKEN: token({ sub: 'operator', capabilities: { '*/*': ['manage'] } }) }

const ann = await connect(t, one.url, { token: token({ sub: 'ann' }), transports: ['websocket'] })
const bob = await connect(t, two.url, { token: token({ sub: 'bob' }) })
for (const appId of ['a', 'b']) await subscribe(ann, 'acme', appId)
await subscribe(bob, 'acme', 'a')
await subscribe(bob, 'other', 'a')
const { body: { data: { epoch } } } = await publish(one.url, { workspaceId: 'acme', appId: 'b', event: 'N', payload: 1 })

test('rooms: a table of all, of one workspace, page by page, or as JSON', async t => {
  const all = await roomcast(['rooms'], env)
  t.match(all, { code: 0, stderr: '' })
  const lines = all.stdout.trimEnd().split('\n')
  t.match(lines, [/^ROOM +USERS +SOCKETS +BEHIND +A MINUTE +POSITION +INSTANCES$/, /^acme\/a +2 +2 +0 +0 +\S+:0 +\S+=1 \S+=1$/, /^acme\/b +1 +1 +0 +1 /, /^other\/a +1 /])
  t.ok(lines[2]?.includes(`${epoch}:1`))
  t.notMatch((await roomcast(['rooms', 'acme'], env)).stdout, /other/)
  t.match(await roomcast(['rooms', 'nobody'], env), { code: 0, stdout: 'No room has members.\n' })

  const first = await roomcast(['rooms', '--limit', '2'], env)
  t.match(first, { code: 0, stderr: '# there are more: --after acme/b goes on\n' })
  t.match((await roomcast(['rooms', '--limit', '2', '--after', 'acme/b'], env)), { stdout: /\nother\/a .*\n$/, stderr: '' })
  const { rooms } = JSON.parse((await roomcast(['rooms', 'acme', '--json'], env)).stdout) as RoomsPage
  t.strictSame(rooms.map(({ appId }) => appId), ['a', 'b'])
})

test("sessions: a user's connections and no other's", async t => {
  const { code, stdout } = await roomcast(['sessions', 'ann'], env)
  t.equal(code, 0)
  t.match(stdout.trimEnd().split('\n'), [/^SOCKET +INSTANCE +TRANSPORT +SINCE +ADDRESS +TOKEN ENDS +WAITING +ROOMS$/, new RegExp(`^${ann.id} +\\S+ +websocket +\\d+ s +127\\.0\\.0\\.1 +\\d{4}-\\S+Z +0 +acme/a:0 acme/b:1$`)])
  t.match(await roomcast(['sessions', 'nobody'], env), { code: 0, stdout: 'This user has no connections.\n' })
})

test('instances: how each fares; one that lives and does not answer is named, and the exit code is 1', async t => {
  const { code, stdout } = await roomcast(['instances'], env)
  t.equal(code, 0)
  const row = /^[0-9a-f]{8} +\S+ +\d+ (s|min) +1 +2 +\d+ % +\d+ ms +\d+ MB +ready$/
  t.match(stdout.trimEnd().split('\n').slice(-3), [/^INSTANCE/, row, row])
  two.pause()
  const paused = await roomcast(['instances'], env)
  two.resume()
  t.match(paused, { code: 1, stdout: /^\S+ lives and did not answer$/m, stderr: /^roomcast instances: an instance that lives did not answer in time; / })
})

test('each error is one line that says what to do', async t => {
  const cases: Array<[args: string[], said: RegExp, own?: Record<string, string>]> = [
    [['sessions'], /USER is missing/],
    [['rooms', '--limit', '0'], /request\/invalid: /],
    [['rooms', 'a', 'b'], /"b" is one argument too many/],
    [['instances'], /auth\/forbidden: .* manage on \*\/\*/, { ROOMCAST_TOKEN: token({ capabilities: { 'acme/*': ['manage'] } }) }],
    [['rooms', 'other'], /auth\/forbidden: .* manage on other\/\*/, { ROOMCAST_TOKEN: token({ capabilities: { 'acme/*': ['manage'] } }) }]
  ]
  for (const [args, said, own] of cases) {
    const { code, stdout, stderr } = await roomcast(args, { ...env, ...own })
    t.strictSame([code, stdout, stderr.trimEnd().split('\n').length], [1, '', 1], `${args.join(' ')}: ${stderr}`)
    t.match(stderr, said)
  }
})
