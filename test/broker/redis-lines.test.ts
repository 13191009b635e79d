// Writes to one slot wait in line: when a node sends them elsewhere, they run again in their order, or are refused.
import { performance } from 'node:perf_hooks'
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import { ReplyError } from 'ioredis'
import { test } from 'tap'
import { createRedisLines } from '../../services/broker/redis-lines.ts'
import { createRedisPending } from '../../services/broker/redis-pending.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import { readSettings } from '../../services/settings/read.ts'

const MOVED = 'MOVED 7 127.0.0.1:7001'
const TRYAGAIN = 'TRYAGAIN Multiple keys request during rehashing of slot'
const REFUSED = { code: 'broker/unavailable' }

/** Lines of slot 7, whose owner and whose answers the test decides. */
function controlled (env: Record<string, string> = {}) {
  let owner: string | undefined = 'a'
  let open = Promise.resolve()
  const sent: string[] = []
  const redirects: string[] = []
  const answers = new Map<string, (answer: string | Error) => void>()
  const pending = createRedisPending(readSettings(env), createMetrics())
  const lines = createRedisLines<string>({
    ownerOf: () => owner,
    async redirected (redirect, slot, shard) {
      redirects.push(`${redirect} ${slot} ${shard}`)
      await open
    },
    waiting: pending
  })
  return {
    sent,
    redirects,
    pending,
    own (shard: string | undefined) { owner = shard },
    /** Redirected writes wait until the result is called. */
    hold () {
      let release = () => undefined as void
      open = new Promise(resolve => { release = resolve })
      return async () => {
        release()
        await turn()
      }
    },
    write (name: string, { room = 'acme/board-1', leftMs = 60_000, bytes = 0 } = {}): Promise<string> {
      const outcome = lines.run({
        slot: 7,
        room,
        bytes,
        deadline: performance.now() + leftMs,
        send: shard => new Promise<string>((resolve, reject) => {
          sent.push(`${name} to ${shard}`)
          answers.set(name, answer => typeof answer === 'string' ? resolve(answer) : reject(answer))
        })
      })
      // It is awaited later.
      outcome.catch(() => undefined)
      return outcome
    },
    async answer (name: string, answer: string | Error = 'done') {
      answers.get(name)?.(answer)
      await turn()
    }
  }
}

test('writes go out at once, and each gets its own answer', async t => {
  const { write, answer, sent } = controlled()
  const [one, two] = [write('1'), write('2')]
  t.strictSame(sent, ['1 to a', '2 to a'])
  await answer('2', new Error('ERR of the second'))
  await t.rejects(two, { message: 'ERR of the second' })
  await answer('1')
  t.equal(await one, 'done')
})

test('MOVED: all run again at the new owner in their order, and later ones do not overtake them', async t => {
  const { write, answer, sent, own, hold, redirects } = controlled()
  const all = [write('1'), write('2')]
  const release = hold()
  await answer('1', new ReplyError(MOVED))
  all.push(write('3'))
  await answer('2', new ReplyError(MOVED))
  all.push(write('4', { room: 'acme/board-2' }))
  own('b')
  t.strictSame(sent, ['1 to a', '2 to a'], 'nothing is sent meanwhile')
  await release()
  t.strictSame(sent.slice(2), ['1 to b', '2 to b', '3 to b', '4 to b'])
  t.strictSame(redirects, ['elsewhere 7 a'])
  for (const name of ['1', '2', '3', '4']) await answer(name)
  t.strictSame(await Promise.all(all), all.map(() => 'done'))
})

test('a write whose slot has a new owner waits for the answers of the old one', async t => {
  const { write, answer, sent, own } = controlled()
  const one = write('1')
  own('b')
  const two = write('2')
  t.strictSame(sent, ['1 to a'])
  await answer('1')
  t.strictSame(sent, ['1 to a', '2 to b'])
  await answer('2')
  t.strictSame(await Promise.all([one, two]), ['done', 'done'])
})

test('a write is refused if a later one of its room was executed; one of another room runs again', async t => {
  const { write, answer, sent } = controlled()
  const [one, other, later] = [write('1'), write('other', { room: 'acme/board-2' }), write('later')]
  await answer('1', new ReplyError(TRYAGAIN))
  await answer('other', new ReplyError(TRYAGAIN))
  await answer('later')
  t.equal(await later, 'done')
  await t.rejects(one, REFUSED)
  t.strictSame(sent.slice(3), ['other to a'])
  await answer('other')
  t.equal(await other, 'done')
})

test('TRYAGAIN: again and again until it is executed, or refused at its deadline', async t => {
  const { write, answer, sent, redirects } = controlled()
  const [patient, short] = [write('patient'), write('short', { leftMs: 500, room: 'acme/board-2' })]
  for (let i = 0; i < 3; i++) {
    await answer('patient', new ReplyError(TRYAGAIN))
    await answer('short', new ReplyError(TRYAGAIN))
  }
  t.strictSame(sent.slice(-2), ['patient to a', 'short to a'])
  t.strictSame(redirects, Array.from({ length: 3 }, () => 'moving 7 a'))
  await pause(510)
  await answer('patient', new ReplyError(TRYAGAIN))
  await answer('short', new ReplyError(TRYAGAIN))
  await t.rejects(short, REFUSED)
  await answer('patient')
  t.equal(await patient, 'done')
  t.equal(sent.filter(what => what.startsWith('short')).length, 4, 'not sent after its deadline')
})

test('a slot without a master, from the start or after a redirect: refused', async t => {
  const { write, answer, sent, own } = controlled()
  const one = write('1')
  own(undefined)
  await answer('1', new ReplyError(MOVED))
  await t.rejects(one, REFUSED)
  await t.rejects(write('2'), REFUSED)
  t.strictSame(sent, ['1 to a'])
  own('b')
  const three = write('3')
  await answer('3')
  t.equal(await three, 'done')
})

test('writes in line are bounded in bytes, and give them back', async t => {
  const { write, answer, sent, hold, own, pending } = controlled({ REDIS_MAX_PENDING_BYTES: '70000' })
  const one = write('1', { bytes: 40_000 })
  const release = hold()
  await answer('1', new ReplyError(MOVED))
  await t.rejects(write('2', { bytes: 40_000 }), REFUSED)
  await turn()
  const small = write('3', { bytes: 20_000 })
  own('b')
  await release()
  t.strictSame(sent.slice(1), ['1 to b', '3 to b'])
  pending.take(70_000)
  for (const name of ['1', '3']) await answer(name)
  t.strictSame(await Promise.all([one, small]), ['done', 'done'])
})
