// Checkpoints in the command log: an instance that lacks entries writes `ask`, the others write all they know and `told`, and
// it writes `complete`. Reading from `ask` to `complete` suffices, so the log can be trimmed, and a lost one fills up again.
import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Type, type Static } from '@sinclair/typebox'
import { Revocation, type Revocations } from '../access/revocations.ts'
import type { StoredUpdate } from '../broker/broker.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Receipt } from '../wire/protocol.ts'
import type { Settings } from '../settings.ts'
import { createValidator } from '../wire/validation.ts'

const RETRY_MS = 200
/** At least this many revocations fit in one entry: about 40 KB. */
const CHUNK = 200
/** All revocations together take at most this fraction of the log. */
const SHARE_OF_LOG = 10
const EPOCH = 'epoch '

const Ask = Type.Object({ ask: Type.String({ description: 'the asking instance; the id of the entry identifies the question' }) })
const Known = Type.Object({ known: Type.Array(Revocation) })
const Told = Type.Object({ told: Type.String({ description: 'the id of an ask' }), by: Type.String() })
const Complete = Type.Object({ complete: Type.String({ description: 'the id of an ask' }) })
const validators = { ask: createValidator(Ask), known: createValidator(Known), told: createValidator(Told), complete: createValidator(Complete) }
type Entry = Static<typeof Ask> | Static<typeof Known> | Static<typeof Told> | Static<typeof Complete>

export interface Checkpoints {
  /** Whether this instance knows all earlier commands. Once true, it stays true. */
  isCaughtUp (): boolean
  /** Handles an entry of the log. @returns false if it does not belong to a checkpoint */
  onEntry (update: StoredUpdate, isOld: boolean): boolean
  /** The log will be read. @param isGap whether entries were lost */
  onReading (epoch: string, isGap: boolean): void
  /** Everything in the log has been read. */
  onRead (): void
  close (): void
}

/** `whole`: everything in the log is known. `asking`: other instances are being asked. */
type State =
  | { name: 'reading', epoch: string, isWhole: boolean }
  | { name: 'asking', epoch: string, question: string, tellers: Set<string>, expected: number, timer: NodeJS.Timeout | undefined }
  | { name: 'whole', epoch: string }
  | { name: 'closed', epoch: string }

export function createCheckpoints ({ instance, revocations, publish, settings, log, onKnown }: {
  instance: string
  revocations: Revocations
  /** Writes an entry, once per id. */
  publish: (entry: Entry, id: string) => Promise<Receipt>
  settings: Settings
  log: Log
  /** Called after new revocations were learned. */
  onKnown: () => void
}): Checkpoints {
  let state: State = { name: 'reading', epoch: '', isWhole: false }
  let hasBeenWhole = false
  /** Questions read in this epoch, and whether this instance must still answer them. */
  const questions = new Map<string, boolean>()
  /** Reasons to write everything we know: unanswered questions, and new epochs. */
  const debts = new Set<string>()
  let isPaying = false

  // ── Asking ────────────────────────────────────────────────────────────────

  async function ask (): Promise<void> {
    const asking: State = { name: 'asking', epoch: state.epoch, question: randomUUID(), tellers: new Set(), expected: Infinity, timer: undefined }
    state = asking
    const receipt = await insist(() => publish({ ask: instance }, asking.question), () => state === asking)
    if (receipt === undefined || state !== asking) return
    // If the question's first attempt was in doubt, the number of its readers is uncertain.
    if (receipt.duplicate) return await ask()
    asking.expected = receipt.instances
    // No other instance could know more. The checkpoint is still written, for later readers.
    if (receipt.instances <= 1) hasBeenWhole = true
    // A paused instance, or one of another version, does not answer.
    asking.timer = setTimeout(() => {
      log.warn({ expected: asking.expected, told: asking.tellers.size }, 'some instances did not report their revocations: continuing without them; repeat recent revocations to be sure')
      asking.expected = 0
      void completeIfTold()
    }, settings.LEASE_MS).unref()
    await completeIfTold()
  }

  async function completeIfTold (): Promise<void> {
    const asking = state
    if (asking.name !== 'asking' || asking.tellers.size < asking.expected) return
    clearTimeout(asking.timer)
    asking.expected = Infinity
    // It counts as complete when the entry comes back, because everything before it has been read by then.
    await insist(() => publish({ complete: asking.question }, `complete-${asking.question}`), () => state === asking)
  }

  // ── Telling ───────────────────────────────────────────────────────────────

  function owe (debt: string): void {
    debts.add(debt)
    if (!isPaying) void pay()
  }

  async function pay (): Promise<void> {
    isPaying = true
    for (const debt of debts) {
      await insist(() => writeKnown(debt), () => state.name !== 'closed')
      debts.delete(debt)
    }
    isPaying = false
  }

  /** Instances with the same knowledge write the same entries with the same ids, so each is stored once. */
  async function writeKnown (debt: string): Promise<void> {
    const known = revocations.known()
    const size = Math.max(CHUNK, Math.ceil(known.length / Math.max(1, Math.floor(settings.COMMANDS_HISTORY_SIZE / SHARE_OF_LOG))))
    for (let from = 0; from < known.length; from += size) {
      const entry: Entry = { known: known.slice(from, from + size) }
      await publish(entry, createHash('sha256').update(JSON.stringify([debt, entry])).digest('base64url'))
    }
    if (!debt.startsWith(EPOCH)) await publish({ told: debt, by: instance }, `told-${debt}-${instance}`)
  }

  /** Retries until the write succeeds or is no longer wanted. */
  async function insist<T> (write: () => Promise<T>, isWanted: () => boolean): Promise<T | undefined> {
    // Start after the current entry has been handled.
    await Promise.resolve()
    while (isWanted()) {
      try {
        return await write()
      } catch (error) {
        const level = error instanceof RoomcastError ? 'debug' : 'error'
        log[level]({ err: error }, 'the known revocations were not written, and are written again')
        await pause(RETRY_MS, undefined, { ref: false })
      }
    }
  }

  // ── Reading ───────────────────────────────────────────────────────────────

  function onEntry ({ id, payload, publishedAt }: StoredUpdate, isOld: boolean): boolean {
    if (validators.ask.accepts(payload)) {
      // An instance that asked long ago no longer waits.
      const isWaiting = !isOld || Date.now() - publishedAt < settings.LEASE_MS
      questions.set(id, isWaiting && isOld)
      if (isWaiting && !isOld) owe(id)
      return true
    }
    if (validators.known.accepts(payload)) {
      for (const revocation of payload.known) revocations.learn(revocation)
      onKnown()
      return true
    }
    if (validators.told.accepts(payload)) {
      if (state.name === 'asking' && state.question === payload.told) {
        state.tellers.add(payload.by)
        void completeIfTold()
      }
      return true
    }
    if (!validators.complete.accepts(payload)) return false
    onComplete(payload.complete)
    return true
  }

  function onComplete (question: string): void {
    if (!questions.has(question)) return
    // This also completes every earlier question.
    for (const earlier of questions.keys()) {
      questions.delete(earlier)
      if (earlier === question) break
    }
    // There may be more entries to read.
    if (state.name === 'reading') state.isWhole = true
    if (state.name !== 'asking') return
    clearTimeout(state.timer)
    becomeWhole()
  }

  function becomeWhole (): void {
    state = { name: 'whole', epoch: state.epoch }
    hasBeenWhole = true
  }

  return {
    isCaughtUp: () => hasBeenWhole,
    onEntry,

    onReading (epoch, isGap) {
      const isOther = epoch !== state.epoch
      if (state.name === 'asking') clearTimeout(state.timer)
      if (isOther || isGap) questions.clear()
      // When the log starts again, every instance that knows something fills it. A gap needs no such entry.
      if (isOther && hasBeenWhole) owe(`${EPOCH}${epoch}`)
      const wasWhole = state.name === 'whole' || (state.name === 'reading' && state.isWhole)
      if (state.name !== 'closed') state = { name: 'reading', epoch, isWhole: !isGap && (isOther ? hasBeenWhole : wasWhole) }
    },

    onRead () {
      if (state.name !== 'reading') return
      for (const [question, isOwed] of questions) if (isOwed) owe(question)
      if (state.isWhole) becomeWhole()
      else void ask()
    },

    close () {
      if (state.name === 'asking') clearTimeout(state.timer)
      state = { name: 'closed', epoch: state.epoch }
    }
  }
}
