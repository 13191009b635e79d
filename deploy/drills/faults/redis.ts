// Faults of Redis itself.
import { eventually } from '../../../test/helpers/eventually.ts'
import { call, publish } from '../../../test/helpers/http.ts'
import { token } from '../../../test/helpers/token.ts'
import { setTimeout as pause } from 'node:timers/promises'
import { repeat, type Drill } from '../drill.ts'
import { ROOM, type Site } from '../site.ts'

const bearer = token({ sub: 'importer' })
/** Longer than a publish may take, shorter than an instance waits before it replaces its link. */
const STOPPED_MS = 1500
const RUNNING_MS = 500
/** Over three instances: 14 payloads of 60 KB each are under REDIS_MAX_PENDING_BYTES while Redis answers. */
const AT_ONCE = 42
const LARGE = 'x'.repeat(60_000)

/** What the instances have logged in this run. */
const logs = async ({ nodes }: Site) => nodes.map(({ instance }) => instance.output()).join('')

export const redisDrills: Drill[] = [
  {
    alert: 'RoomcastRedisDown',
    fault: 'Redis is killed (SIGKILL)',
    says: 'restore Redis',
    mended: 'Redis was started again',
    look: { at: logs, finds: /"redis":"127[^}]*redis is unavailable/ },
    async breaks ({ redis }) {
      await redis.stop()
      return () => redis.restart()
    }
  },
  {
    alert: 'RoomcastProbeSilent',
    fault: 'a script of another client runs in Redis and does not end',
    says: '`SCRIPT KILL`',
    mended: '`redis-cli SCRIPT KILL`',
    look: { at: ({ admin }) => admin.ping().catch(String), finds: /BUSY/ },
    async breaks ({ admin, redis }) {
      const other = redis.client()
      other.eval('while true do end', 0).catch(() => { /* It is killed. */ })
      return async () => {
        await eventually(async () => await admin.script('KILL') === 'OK', 20_000)
        other.disconnect()
      }
    }
  },
  {
    alert: 'RoomcastPublishesFail',
    fault: 'Redis is full (`maxmemory 1`, `noeviction`)',
    says: '`CONFIG SET maxmemory`',
    mended: '`redis-cli CONFIG SET maxmemory 0`',
    look: { at: logs, finds: /OOM[^}]*redis refuses publishes/ },
    async breaks ({ admin }) {
      await admin.config('SET', 'maxmemory', '1')
      return () => admin.config('SET', 'maxmemory', '0')
    }
  },
  {
    alert: 'RoomcastFeedsReset',
    fault: 'another client calls `FLUSHALL`',
    says: 'ACL SETUSER name -flushall',
    mended: 'the command was taken from that user: `ACL SETUSER shop -flushall -flushdb`; clients had loaded anew by themselves',
    look: { at: ({ admin }) => admin.info('commandstats'), finds: /cmdstat_flushall:calls=[1-9]/ },
    async breaks ({ admin }) {
      await admin.call('ACL', 'SETUSER', 'shop', 'on', '>of-the-shop', 'allkeys', 'allchannels', '+@all')
      const shop = admin.duplicate({ username: 'shop', password: 'of-the-shop' })
      await shop.flushall()
      shop.disconnect()
      return () => admin.call('ACL', 'SETUSER', 'shop', '-flushall', '-flushdb')
    }
  },
  {
    alert: 'RoomcastGarbage',
    fault: 'another service publishes its own messages to a channel of ours',
    says: 'an ACL user',
    mended: 'the channels were taken from that user: `ACL SETUSER shop resetchannels &shop:*`',
    look: { at: logs, finds: /dropped an unreadable message/ },
    async breaks ({ admin }, scope) {
      await admin.call('ACL', 'SETUSER', 'shop', 'on', '>of-the-shop', 'resetchannels', 'allchannels', '+publish', '+info')
      const shop = admin.duplicate({ username: 'shop', password: 'of-the-shop' })
      scope.teardown(() => shop.disconnect())
      repeat(scope, 500, () => shop.publish(`roomcast:{${ROOM.workspaceId}/${ROOM.appId}}:updates`, 'sold').catch(() => { /* Refused, from then on. */ }))
      return () => admin.call('ACL', 'SETUSER', 'shop', 'resetchannels', '&shop:*')
    }
  },
  {
    alert: 'RoomcastRepairs',
    fault: 'Redis drops subscribers in every burst (`client-output-buffer-limit pubsub 20kb`)',
    says: '`client-output-buffer-limit`',
    mended: '`redis-cli CONFIG SET client-output-buffer-limit "pubsub 256mb 64mb 60"`',
    look: { at: ({ admin }) => admin.config('GET', 'client-output-buffer-limit').then(String), finds: /pubsub 20480/ },
    async breaks ({ admin, nginx }, scope) {
      await admin.config('SET', 'client-output-buffer-limit', 'pubsub 20kb 20kb 1')
      const updates = Array.from({ length: 100 }, () => ({ ...ROOM, event: 'ROW', payload: 'x'.repeat(4000) }))
      repeat(scope, 1000, () => call(nginx.internalUrl, 'POST', '/api/v1/publish/batch', { token: bearer, body: { updates } }).catch(() => { /* The next one. */ }))
      return () => admin.config('SET', 'client-output-buffer-limit', 'pubsub 256mb 64mb 60')
    }
  },
  {
    alert: 'RoomcastCommandsHeldBack',
    fault: 'Redis gets a quarter of its core (stopped for 1.5 s of every 2) under large publishes',
    says: 'is saturated',
    mended: 'Redis got its core back; the publishes went on',
    async breaks ({ redis, nodes }, scope) {
      for (let i = 0; i < AT_ONCE; i++) repeat(scope, 200, () => publish(nodes[i % nodes.length]?.instance.url ?? '', { workspaceId: 'demo', appId: 'import', event: 'ROW', payload: LARGE }, bearer).catch(() => { /* The next one. */ }))
      return repeat(scope, RUNNING_MS, async () => {
        redis.pause()
        await pause(STOPPED_MS)
        redis.resume()
      })
    }
  }
]
