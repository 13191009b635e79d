// What this instance holds of what the backend is told, and the reports that bring the broker to the same: numbered, one
// after the other, each repeated until it is answered.
import type { Broker } from '../broker/broker.ts'
import type { HookAnswer, HookChange, HookReport, HookState, Subject } from '../broker/hooks.ts'
import type { Peers } from '../instances/peers.ts'
import type { Log } from '../observe/log.ts'
import type { Settings } from '../settings.ts'

const CHANGES_AT_ONCE = 100
/** A report that is due at once waits for a moment still: others may have it done. */
const LEAST_WAIT_MS = 50

export interface Ledger {
  /** This instance holds the subject; with undefined, it does not any more. */
  change (subject: Subject, fields: string | undefined): void
  onBeat (): void
  start (): void
  /** The instance is about to leave: whatever it still holds, it keeps until it closes. */
  seal (): void
  /** Resolves when the broker has been told that this instance is gone. */
  close (): Promise<void>
}

/** A stay that was held here until lately, or is just being reported as ended. */
interface Ended {
  stay: string | undefined
  fields: string
  /** When the broker decided it; before it has, never. */
  decidedAt: number
}

export function createLedger ({ broker, peers, settings, log, onState }: {
  broker: Broker
  peers: Pick<Peers, 'isAlive'>
  settings: Settings
  log: Log
  /** After each answer of the broker. */
  onState: (state: HookState) => void
}): Ledger {
  const held = new Map<Subject, string>()
  /** The stays that the backend was told of, of what is held here. */
  const stays = new Map<Subject, string>()
  const ended = new Map<Subject, Ended>()
  /** Held, and the broker has not decided yet what that is. */
  const undecided = new Set<Subject>()
  /** What the broker has to be told, in the order of the changes. */
  const unreported = new Set<Subject>()
  /** Names of this instance whose reports were lost. */
  const formerTellers: string[] = []
  let silent: string | undefined
  /** The report that has no answer yet. */
  let pending: HookReport | undefined
  let life = 1
  let number = 1
  let deliveredBefore = 0
  let reporting: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let isSealed = false
  let isLeaving = false

  const nameOfLife = () => `${broker.instance}.${life}`

  function change (subject: Subject, fields: string | undefined): void {
    if (fields === undefined) release(subject)
    else hold(subject, fields)
  }

  function hold (subject: Subject, fields: string): void {
    if (held.has(subject)) return
    held.set(subject, fields)
    // Gone and back before anybody was told: nothing has happened.
    const { stay } = unreported.has(subject) ? ended.get(subject) ?? {} : {}
    if (stay !== undefined) {
      stays.set(subject, stay)
      ended.delete(subject)
    }
    report(subject)
  }

  function release (subject: Subject): void {
    const fields = held.get(subject)
    if (fields === undefined || isSealed) return
    held.delete(subject)
    undecided.delete(subject)
    ended.set(subject, { stay: stays.get(subject), fields, decidedAt: Infinity })
    stays.delete(subject)
    if (ended.size > settings.WEBHOOK_QUEUE_SIZE) ended.delete(ended.keys().next().value as Subject)
    report(subject)
  }

  function report (subject: Subject): void {
    unreported.add(subject)
    void reportSoon()
  }

  function reportSoon (): Promise<void> {
    reporting ??= reportAll().then(() => {
      reporting = undefined
      // What came right at the end.
      if (unreported.size > 0) void reportSoon()
    }, (error: Error) => {
      reporting = undefined
      log.debug({ err: error.message }, 'what the webhook tells was not reported; again with the next heartbeat')
    })
    return reporting
  }

  async function reportAll (): Promise<void> {
    // What comes in one turn goes in one report.
    await new Promise(resolve => setImmediate(resolve))
    for (;;) {
      pending ??= nextReport()
      const { changes, retire } = pending
      const answer = await broker.hooks.report(pending)
      pending = undefined
      if (answer.outcome === 'told') take(answer, changes, retire)
      else beginAnew(answer.outcome, changes)
      if (unreported.size > 0 || formerTellers.length > 0 || silent !== undefined) continue
      if (!isLeaving || (retire === nameOfLife() && answer.outcome === 'told' && answer.isRetired)) return
    }
  }

  function nextReport (): HookReport {
    const changes: HookChange[] = []
    for (const subject of unreported) {
      if (changes.length === CHANGES_AT_ONCE) break
      unreported.delete(subject)
      changes.push(changeOf(subject))
    }
    // Only who has said again what it holds takes its former names out.
    const retire = unreported.size > 0 ? undefined : formerTellers[0] ?? silent ?? (isLeaving ? nameOfLife() : undefined)
    return { teller: nameOfLife(), number: number++, changes, retire }
  }

  function changeOf (subject: Subject): HookChange {
    const fields = held.get(subject)
    if (fields === undefined) {
      const { stay, fields: last = '' } = ended.get(subject) ?? {}
      return { subject, isHeld: false, stay, isDelivered: false, fields: last }
    }
    const stay = stays.get(subject)
    return { subject, isHeld: true, stay, isDelivered: stay !== undefined && Number.parseInt(stay) < deliveredBefore, fields }
  }

  function take (state: HookState, changes: HookChange[], retired: string | undefined): void {
    deliveredBefore = state.deliveredBefore
    for (const [i, { subject, isHeld }] of changes.entries()) takeStay(subject, isHeld, state.stays[i] ?? '-', state.decidedAt)
    for (const [subject, { decidedAt }] of ended) if (decidedAt < deliveredBefore) ended.delete(subject)
    if (state.isRetired && retired === formerTellers[0]) formerTellers.shift()
    silent = state.silent.find(teller => !peers.isAlive(teller.slice(0, teller.lastIndexOf('.'))))
    if (state.dueInMs >= 0) reportIn(Math.max(LEAST_WAIT_MS, state.dueInMs))
    onState(state)
  }

  function takeStay (subject: Subject, wasHeld: boolean, stay: string, decidedAt: number): void {
    const last = ended.get(subject)
    if (!wasHeld) {
      if (last !== undefined && (held.has(subject) || !unreported.has(subject))) last.decidedAt = decidedAt
    } else if (stay === '-') {
      if (held.has(subject)) undecided.add(subject)
    } else if (held.has(subject)) {
      stays.set(subject, stay)
    } else if (last !== undefined) {
      last.stay = stay
    }
  }

  /** Under a new name everything is said again. What others took for dead has ended; what was lost goes on. */
  function beginAnew (outcome: Exclude<HookAnswer['outcome'], 'told'>, changes: HookChange[]): void {
    log.info({ outcome, held: held.size }, 'what the webhook tells is reported anew')
    if (outcome === 'gone') {
      stays.clear()
      ended.clear()
    } else {
      formerTellers.push(nameOfLife())
    }
    life++
    number = 1
    undecided.clear()
    for (const { subject } of changes) unreported.add(subject)
    for (const subject of [...ended.keys(), ...held.keys()]) unreported.add(subject)
  }

  function reportIn (ms: number): void {
    clearTimeout(timer)
    timer = setTimeout(() => { void reportSoon() }, ms).unref()
  }

  function onBeat (): void {
    if (isLeaving) return
    for (const subject of undecided) unreported.add(subject)
    undecided.clear()
    void reportSoon()
  }

  return {
    change,
    onBeat,
    start () {
      broker.events.on('resumed', onBeat)
      onBeat()
    },
    seal () {
      isSealed = true
    },
    async close () {
      broker.events.off('resumed', onBeat)
      clearTimeout(timer)
      isSealed = isLeaving = true
      await reporting
      await reportSoon()
    }
  }
}
