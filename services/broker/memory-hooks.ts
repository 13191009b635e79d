// The webhook's state in one process. Waiting events are lost when it ends.
import { randomUUID } from 'node:crypto'
import type { Settings } from '../settings.ts'
import { EVENTS, type HookBroker, type Subject } from './hooks.ts'

export function createMemoryHooks ({ settings, now = Date.now }: { settings: Settings, now?: () => number }): HookBroker {
  const held = new Map<Subject, { stay: string, fields: string }>()
  const told = new Set(settings.WEBHOOK_EVENTS.split(','))
  let outbox: Array<{ position: number, event: string }> = []
  let appended = 0
  /** The position of the last event in the leased batch. */
  let batchEnd: number | undefined
  let dropped = 0

  function append (subject: Subject, hasBegun: boolean): void {
    const record = held.get(subject)
    const [began, ended] = EVENTS[subject.startsWith('room ') ? 'room' : 'member']
    const name = hasBegun ? began : ended
    if (record === undefined || !told.has(name)) return
    const id = `${record.stay}.${name.slice(name.indexOf('.') + 1)}`
    outbox.push({ position: ++appended, event: `{"id":"${id}","event":"${name}",${record.fields},"at":${now()}}` })
    if (outbox.length <= settings.WEBHOOK_QUEUE_SIZE) return
    // A leased batch stays unchanged.
    const oldest = outbox.findIndex(({ position }) => position > (batchEnd ?? 0))
    outbox.splice(oldest, 1)
    dropped++
  }

  function end (subject: Subject): void {
    append(subject, false)
    held.delete(subject)
  }

  function take (last: number): number {
    const before = outbox.length
    outbox = outbox.filter(({ position }) => position > last)
    return before - outbox.length
  }

  return {
    async report ({ changes, retire }) {
      dropped = 0
      const stays = changes.map(({ subject, isHeld, fields }) => {
        if (!isHeld) {
          end(subject)
          return '-'
        }
        const known = held.get(subject)
        const stay = known?.stay ?? `${now()}-${randomUUID()}`
        held.set(subject, { stay, fields })
        if (known === undefined) append(subject, true)
        return stay
      })
      if (retire !== undefined) for (const subject of [...held.keys()]) end(subject)
      const time = now()
      return { outcome: 'told', stays, decidedAt: time, deliveredBefore: time, waiting: outbox.length, dropped, dueInMs: -1, silent: [], isRetired: true }
    },

    async claim () {
      batchEnd ??= outbox[Math.min(outbox.length, settings.WEBHOOK_BATCH_SIZE) - 1]?.position
      if (batchEnd === undefined) return undefined
      const last = batchEnd
      return { last: String(last), events: outbox.filter(({ position }) => position <= last).map(({ event }) => event) }
    },

    async taken (last) {
      batchEnd = undefined
      return { delivered: take(Number(last)), waiting: outbox.length }
    },

    async abandon () {
      batchEnd = undefined
      return take(Infinity)
    }
  }
}
