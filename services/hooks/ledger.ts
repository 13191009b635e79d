// The subjects that this instance holds, and the reports that bring the broker up to date: numbered, one at a time, each
// repeated until it is answered.
import type { Broker } from '../broker/broker.ts'
import type { HookAnswer, HookChange, HookReport, HookState, Subject } from '../broker/hooks.ts'
import type { Peers } from '../instances/peers.ts'
import type { Log } from '../observe/log.ts'
import type { Settings } from '../settings.ts'

const CHANGES_AT_ONCE = 100
/** The least pause before a due decision: another instance may have done it. */
const LEAST_WAIT_MS = 50

export interface Ledger {
  /** Takes the subject's fields when this instance begins to hold it, and undefined when it no longer does. */
  change (subject: Subject, fields: string | undefined): void
  onBeat (): void
  start (): void
  /** From now on nothing is released before `close`, because the instance is about to leave. */
  seal (): void
  /** Resolves when the broker knows that this instance has left. */
  close (): Promise<void>
}

/** A stay that this instance has released. */
interface Ended {
  stay: string | undefined
  fields: string
  /** The broker's time of the decision; infinite until it is known. */
  decidedAt: number
}

export function createLedger ({ broker, peers, settings, log, onState }: {
  broker: Broker
  peers: Pick<Peers, 'isAlive'>
  settings: Settings
  log: Log
  /** Called after each answer of the broker. */
  onState: (state: HookState) => void
}): Ledger {
  const held = new Map<Subject, string>()
  /** The announced stays of held subjects. */
  const stays = new Map<Subject, string>()
  const ended = new Map<Subject, Ended>()
  /** Held subjects on which the broker has not decided yet. */
  const undecided = new Set<Subject>()
  /** Subjects that the broker holds in this life, or may hold: the last report about them said so. */
  const reported = new Set<Subject>()
  /** Subjects to report, in the order of their changes. While the broker is away, who comes and goes leaves nothing here. */
  const unreported = new Set<Subject>()
  /** Former names of this instance, from before the broker lost reports. */
  const formerTellers: string[] = []
  let silent: string | undefined
  /** The report without an answer. */
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
    // Released and held again before a report: nothing has changed.
    const last = ended.get(subject)
    if (last?.stay !== undefined && last.decidedAt === Infinity && unreported.has(subject)) {
      stays.set(subject, last.stay)
      ended.delete(subject)
    }
    report(subject)
  }

  function release (subject: Subject): void {
    const fields = held.get(subject)
    if (fields === undefined || isSealed) return
    held.delete(subject)
    undecided.delete(subject)
    // The broker never heard of it, so that there is nothing to end.
    if (!reported.has(subject) && !stays.has(subject) && !ended.has(subject)) {
      unreported.delete(subject)
      return
    }
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
      // Changes that came at the very end.
      if (unreported.size > 0) void reportSoon()
    }, (error: Error) => {
      reporting = undefined
      log.debug({ err: error.message }, 'the report for the webhook failed; retried with the next heartbeat')
    })
    return reporting
  }

  async function reportAll (): Promise<void> {
    // All changes of one turn go into one report.
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
    // Former names are retired only after everything was reported again.
    const retire = unreported.size > 0 ? undefined : formerTellers[0] ?? silent ?? (isLeaving ? nameOfLife() : undefined)
    return { teller: nameOfLife(), number: number++, changes, retire }
  }

  function changeOf (subject: Subject): HookChange {
    const fields = held.get(subject)
    if (fields === undefined) {
      reported.delete(subject)
      const { stay, fields: last = '' } = ended.get(subject) ?? {}
      return { subject, isHeld: false, stay, isDelivered: isDelivered(stay), fields: last }
    }
    reported.add(subject)
    const stay = stays.get(subject)
    return { subject, isHeld: true, stay, isDelivered: isDelivered(stay), fields }
  }

  function isDelivered (stay: string | undefined): boolean {
    return stay !== undefined && Number.parseInt(stay) < deliveredBefore
  }

  function take (state: HookState, changes: HookChange[], retired: string | undefined): void {
    deliveredBefore = state.deliveredBefore
    for (const [i, { subject, isHeld }] of changes.entries()) takeStay(subject, isHeld, state.stays[i] ?? '-', state.decidedAt)
    for (const [subject, { decidedAt }] of ended) if (decidedAt < deliveredBefore) ended.delete(subject)
    if (state.isRetired && retired === formerTellers[0]) formerTellers.shift()
    silent = state.silent.find(teller => !peers.isAlive(teller.slice(0, teller.lastIndexOf('.'))))
    if (state.dueInMs >= 0 && !isLeaving) reportIn(Math.max(LEAST_WAIT_MS, state.dueInMs))
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

  /** Reports everything again under a new name. If others retired this one, its stays have ended; if reports were lost, they go on. */
  function beginAnew (outcome: Exclude<HookAnswer['outcome'], 'told'>, changes: HookChange[]): void {
    log.info({ outcome, held: held.size }, 'all subjects of the webhook are reported again')
    if (outcome === 'gone') {
      stays.clear()
      ended.clear()
    } else {
      formerTellers.push(nameOfLife())
    }
    life++
    number = 1
    undecided.clear()
    reported.clear()
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
