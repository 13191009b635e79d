// Checkpoints in the log of commands: how an instance that is new, or that missed entries, comes to know what the others know.
// It writes `ask`; every instance that hears it writes all that it knows, then `told`; when all have told, the asker writes
// `complete`. Whoever reads the log from an `ask` to its `complete` knows everything: nothing before it matters, so the log
// may be trimmed, and a log that was lost fills again.
import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Type, type Static } from '@sinclair/typebox'
import { Revocation, type Revocations } from '../access/revocations.ts'
import type { StoredUpdate } from '../broker/broker.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Receipt } from '../wire/protocol.ts'
import type { Settings } from '../settings.ts'
import { checker } from '../wire/validation.ts'

const RETRY_MS = 200
/** Revocations in one entry, at least: some 40 KB. */
const CHUNK = 200
/** What all that is known takes of the log, at most. */
const SHARE_OF_LOG = 10
const EPOCH = 'epoch '

const Ask = Type.Object({ ask: Type.String({ description: 'which instance asks; the id of the entry names the question' }) })
const Known = Type.Object({ known: Type.Array(Revocation) })
const Told = Type.Object({ told: Type.String({ description: 'the id of an ask' }), by: Type.String() })
const Complete = Type.Object({ complete: Type.String({ description: 'the id of an ask' }) })
type Entry = Static<typeof Ask> | Static<typeof Known> | Static<typeof Told> | Static<typeof Complete>

export interface Checkpoints {
  /** Whether all that was said before is known here; once it is, it stays so. */
  isCaughtUp (): boolean
  /** Takes an entry of the log; false where it is none of a checkpoint. */
  onEntry (update: StoredUpdate, isOld: boolean): boolean
  onReading (epoch: string, isGap: boolean): void
  onRead (): void
  close (): void
}

/** What an instance knows of what was said. */
type State =
  | { name: 'reading', epoch: string, isWhole: boolean }
  | { name: 'asking', epoch: string, question: string, tellers: Set<string>, expected: number, timer: NodeJS.Timeout | undefined }
  | { name: 'whole', epoch: string }
  | { name: 'closed', epoch: string }

export function createCheckpoints ({ instance, revocations, publish, settings, log, onKnown }: {
  instance: string
  revocations: Revocations
  /** Writes an entry; one with the same id is the same entry. */
  publish: (entry: Entry, id: string) => Promise<Receipt>
  settings: Settings
  log: Log
  /** More revocations are known. */
  onKnown: () => void
}): Checkpoints {
  let state: State = { name: 'reading', epoch: '', isWhole: false }
  let hasBeenWhole = false
  /** Questions that were read in this epoch, each with whether we have still to answer it. */
  const questions = new Map<string, boolean>()
  /** Why all that is known here is still to be written: questions, and epochs that began while we knew. */
  const debts = new Set<string>()
  let isPaying = false

  // ── Asking ────────────────────────────────────────────────────────────────

  async function ask (): Promise<void> {
    const asking: State = { name: 'asking', epoch: state.epoch, question: randomUUID(), tellers: new Set(), expected: Infinity, timer: undefined }
    state = asking
    const receipt = await insist(() => publish({ ask: instance }, asking.question), () => state === asking)
    if (receipt === undefined || state !== asking) return
    // Of a question that was in doubt, nobody knows for sure how many heard it.
    if (receipt.duplicate) return await ask()
    asking.expected = receipt.instances
    // Nobody else is there who could know more; the checkpoint is written all the same, for those who come later.
    if (receipt.instances <= 1) hasBeenWhole = true
    // An instance that is paused, or of another version, does not answer.
    asking.timer = setTimeout(() => {
      log.warn({ expected: asking.expected, told: asking.tellers.size }, 'not all instances said which tokens are revoked; going on without them')
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
    // Known to be complete when it comes back: then everything before it has been read.
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

  /** All instances that know the same write the same entries, and so each once. */
  async function writeKnown (debt: string): Promise<void> {
    const known = revocations.known()
    const size = Math.max(CHUNK, Math.ceil(known.length / Math.max(1, Math.floor(settings.COMMANDS_HISTORY_SIZE / SHARE_OF_LOG))))
    for (let from = 0; from < known.length; from += size) {
      const entry: Entry = { known: known.slice(from, from + size) }
      await publish(entry, createHash('sha256').update(JSON.stringify([debt, entry])).digest('base64url'))
    }
    if (!debt.startsWith(EPOCH)) await publish({ told: debt, by: instance }, `told-${debt}-${instance}`)
  }

  /** Again and again until it is written, or is of no use any more. */
  async function insist<T> (write: () => Promise<T>, isWanted: () => boolean): Promise<T | undefined> {
    // Not while an entry is being handed over.
    await Promise.resolve()
    while (isWanted()) {
      try {
        return await write()
      } catch (error) {
        const level = error instanceof RoomcastError ? 'debug' : 'error'
        log[level]({ err: error }, 'what is known of revocations could not be written; again in a moment')
        await pause(RETRY_MS, undefined, { ref: false })
      }
    }
  }

  // ── Reading ───────────────────────────────────────────────────────────────

  function onEntry ({ id, payload, publishedAt }: StoredUpdate, isOld: boolean): boolean {
    if (checker(Ask).Check(payload)) {
      // Who asked long ago does not wait any more.
      const isWaiting = !isOld || Date.now() - publishedAt < settings.LEASE_MS
      questions.set(id, isWaiting && isOld)
      if (isWaiting && !isOld) owe(id)
      return true
    }
    if (checker(Known).Check(payload)) {
      for (const revocation of payload.known) revocations.learn(revocation)
      onKnown()
      return true
    }
    if (checker(Told).Check(payload)) {
      if (state.name === 'asking' && state.question === payload.told) {
        state.tellers.add(payload.by)
        void completeIfTold()
      }
      return true
    }
    if (!checker(Complete).Check(payload)) return false
    onComplete(payload.complete)
    return true
  }

  function onComplete (question: string): void {
    if (!questions.has(question)) return
    // Who asked before it knows everything too, as soon as this is read.
    for (const earlier of questions.keys()) {
      questions.delete(earlier)
      if (earlier === question) break
    }
    // There may be more to read.
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
      // A log that begins anew is filled by all who know something; a gap in it is not.
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
