// Who may look inside: `manage` on everything, or on a workspace for its part; how much, how often, and what is kept of it.
import t, { test } from 'tap'
import type { RoomsPage, SessionsPage } from '../../services/wire/overview.ts'
import { cluster, enter, limitHits, lookFrom, startInstance, startRedis, subscribe, token } from '../helpers/index.ts'

const redis = await startRedis(t)
const instances = await cluster(t, 3, { REDIS_URL: redis.url, LOG_LEVEL: 'trace' })
await Promise.all(instances.map(({ ready }) => ready()))
const [one, two, three] = instances
const look = lookFrom(one)

test('nobody without manage sees anything; manage on a workspace shows that workspace, and no address', async t => {
  await enter(t, one, 'mia', 'mine', 'a')
  const both = await enter(t, two, 'mia', 'theirs', 'a')
  await subscribe(both, 'mine', 'b')
  await enter(t, two, 'leo', 'theirs', 'a')
  const paths = ['/rooms', '/rooms?workspaceId=mine', '/workspaces/mine/apps/a', '/sessions?userId=mia', '/instances']
  const others: Array<Record<string, string[]>> = [{}, { '*/*': ['subscribe', 'publish', 'presence'] }, { 'mine/*': ['subscribe', 'presence'] }]
  for (const capabilities of others) {
    for (const path of paths) t.match(await look(path, one, token({ capabilities })), { status: 403, code: 'auth/forbidden' }, path)
  }
  t.match(await look('/rooms', one, ''), { status: 401 })

  const ofMine = token({ sub: 'host', capabilities: { 'mine/*': ['manage'] } })
  for (const path of ['/rooms', '/rooms?workspaceId=mine']) {
    t.strictSame((await look<RoomsPage>(path, three, ofMine)).data.rooms.map(({ workspaceId, appId }) => `${workspaceId}/${appId}`), ['mine/a', 'mine/b'], path)
  }
  t.equal((await look('/workspaces/mine/apps/a', three, ofMine)).status, 200)
  const { data, text } = await look<SessionsPage>('/sessions?userId=mia', three, ofMine)
  t.equal(data.sessions.length, 2)
  t.ok(data.sessions.every(({ address, rooms, roomCount }) => address === null && roomCount === 1 && rooms[0]?.workspaceId === 'mine'))
  t.notMatch(text, /theirs|127\.0\.0\.1/)
  t.strictSame((await look<SessionsPage>('/sessions?userId=leo', three, ofMine)).data.sessions, [])
  for (const path of ['/rooms?workspaceId=theirs', '/workspaces/theirs/apps/a', '/instances']) {
    t.match(await look(path, three, ofMine), { status: 403, code: 'auth/forbidden' }, path)
  }
  const ofRoom = token({ sub: 'host', capabilities: { 'mine/a': ['manage'] } })
  t.equal((await look('/workspaces/mine/apps/a', three, ofRoom)).status, 200)
  for (const path of ['/rooms', '/rooms?workspaceId=mine', '/workspaces/mine/apps/b', '/sessions?userId=mia', '/instances']) t.equal((await look(path, three, ofRoom)).status, 403, path)
})

test('what is asked in a wrong form, or too often, is refused; limits are counted', async t => {
  for (const path of ['/rooms?limit=0', '/rooms?limit=101', '/rooms?limit=x', '/rooms?after=acme', '/rooms?workspaceId=*', '/sessions', '/sessions?userId=', '/instances?limit=1.5']) {
    t.match(await look(path), { status: 400, code: 'request/invalid' }, path)
  }
  const limited = await startInstance(t, { QUESTIONS_PER_SECOND: '1', QUESTION_BURST: '2' })
  await limited.ready()
  const statuses: number[] = []
  for (const path of ['/rooms', '/sessions?userId=a', '/instances', '/workspaces/a/apps/b']) statuses.push((await look(path, limited)).status)
  t.strictSame(statuses, [200, 200, 429, 429])
  t.equal((await look('/rooms', limited, token({ sub: 'another' }))).status, 200)
  t.match(await look('/rooms', limited), { code: 'limit/question-rate' })
  t.ok(await limitHits(limited.url, 'question-rate') >= 2)
})

test('a question is kept nowhere, and neither questions nor answers reach a log', async t => {
  const log = 'roomcast:{$/commands}:log'
  const before = await redis.client().xlen(log)
  for (let n = 0; n < 20; n++) await look('/sessions?userId=quiet-user')
  t.equal(await redis.client().xlen(log), before)
  for (const { output } of instances) t.notMatch(output(), /quiet-user|127\.0\.0\.1:\d+ /)
})

test('the inspector is served in production with a strict policy, its own files and no others, and not where it is switched off', async t => {
  const production = await startInstance(t, { NODE_ENV: 'production' })
  const page = await fetch(`${production.url}/inspector/`)
  t.equal(page.status, 200)
  t.match(page.headers.get('content-security-policy'), /^default-src 'none';script-src 'self' 'sha256-[^']+';style-src 'self';/)
  t.notMatch(page.headers.get('content-security-policy'), /unsafe|\*/)
  t.match(page.headers.get('referrer-policy'), 'no-referrer')
  for (const path of ['', '/main.js', '/client/index.js', '/socket.io.js', '/style.css']) t.equal((await fetch(`${production.url}/inspector${path}`)).status, 200, path)
  for (const path of ['/../package.json', '/%2e%2e/package.json', '/index.html', '/client/index.ts']) t.equal((await fetch(`${production.url}/inspector${path}`)).status, 404, path)
  const off = await startInstance(t, { INSPECTOR: 'false' })
  for (const path of ['', '/', '/main.js']) t.equal((await fetch(`${off.url}/inspector${path}`)).status, 404, path)
})
