// Sends waiting updates, one request at a time; the next request takes what was published meanwhile. Refusals that may
// pass are retried with the same id: after a pause of one room, or of all rooms if the whole request failed.
import { clientError, type ErrorInfo } from '../errors.ts'
import type { Receipt } from '../wire.ts'
import type { Item, Part } from './item.ts'
import { backOff, createLanes } from './lanes.ts'
import { failure, type Outcome, type Request } from './request.ts'
import type { PublishResult } from './types.ts'

/** The longest timer. A longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
/** A batch may have 1 MiB. */
const MAX_BATCH_BYTES = 1_000_000

/** The receipt of an ephemeral update that was not delivered. It is useless later, so it is not retried. */
const nowhere: Receipt = { id: '-', epoch: '-', offset: null, duplicate: false, instances: 0 }

/** Sends later, so that updates of the same turn of the event loop go together. */
const nextTurn: (act: () => void) => unknown = (globalThis as { setImmediate?: (act: () => void) => unknown }).setImmediate ?? setTimeout

interface Sender {
  add (item: Item): void
  /** Fails all updates that have no result yet. */
  fail (item: Item, error: ErrorInfo): void
  /** Aborts the current request. */
  abort (): void
}

/** @param onSettled called once for each item, when all of its parts have a result */
export function createSender (request: Request, mostParts: number, onSettled: (item: Item) => void): Sender {
  const lanes = createLanes()
  let maxParts = mostParts
  let underWay: AbortController | undefined
  let isScheduled = false
  let timer: ReturnType<typeof setTimeout> | undefined
  /** Failed requests since the last answered one. */
  let failures = 0
  let heldUntil = 0

  function goOn (): void {
    clearTimeout(timer)
    if (underWay !== undefined) return
    const held = heldUntil - Date.now()
    const parts = held > 0 ? [] : lanes.next({ parts: maxParts, bytes: MAX_BATCH_BYTES })
    const wait = lanes.wait()
    if (parts.length > 0) void sendNext(parts)
    else if (wait !== undefined) timer = setTimeout(goOn, Math.min(LONGEST_TIMER_MS, Math.max(held, wait)))
  }

  async function sendNext (parts: Part[]): Promise<void> {
    underWay = new AbortController()
    const outcome = await send(parts, underWay)
    underWay = undefined
    onOutcome(parts, outcome)
    sweep(parts)
    goOn()
  }

  async function send (parts: Part[], aborting: AbortController): Promise<Outcome> {
    const [{ item: { isMany, text } }] = parts as [Part]
    if (isMany) return severalOf(await request('api/v1/publish/many', `{"rooms":[${parts.map(({ name }) => `{${name}}`).join(',')}],${text}}`, aborting), parts.length)
    const updates = parts.map(({ name, item }) => `{${name},${item.text}}`)
    // A single update may be as large as the service allows.
    if (updates.length === 1) return await request('api/v1/publish', updates.join(), aborting)
    return severalOf(await request('api/v1/publish/batch', `{"updates":[${updates.join(',')}]}`, aborting), parts.length)
  }

  function onOutcome (parts: Part[], outcome: Outcome): void {
    const { error, data } = outcome
    if (error === null) {
      failures = 0
      const { results = [{ status: 'SUCCESS', data: data as Receipt, error }] } = data as { results?: PublishResult[] }
      const refused = parts.filter((part, i) => !onResult(part, results[i] as PublishResult))
      lanes.hold(refused)
      lanes.release(parts.filter(part => !refused.includes(part)))
    } else if (outcome.isTooMuch && parts.length > 1) {
      maxParts = Math.ceil(parts.length / 2)
    } else {
      // An item that is too large on its own fails in each of its rooms.
      if (outcome.isTooMuch) maxParts = mostParts
      if (error.retryable) heldUntil = Date.now() + Math.max(outcome.retryAfterMs, backOff(failures++))
      const refused = error.retryable ? parts : parts.flatMap(({ item }) => item.parts)
      for (const part of refused) onResult(part, { status: 'ERROR', data: null, error })
      sweep(refused)
    }
  }

  /** @returns whether the failure is final */
  function onResult (part: Part, result: PublishResult): boolean {
    const { item } = part
    if (result.error?.retryable !== true) part.result ??= result.error === null ? result : refusal(item, result.error)
    else if (item.ephemeral) part.result ??= { status: 'SUCCESS', data: nowhere, error: null }
    else item.last = result.error
    return part.result !== undefined
  }

  function sweep (parts: Part[]): void {
    lanes.sweep(parts)
    if (lanes.wait() === undefined) clearTimeout(timer)
    for (const item of new Set(parts.map(part => part.item))) {
      if (item.isSettled || item.parts.some(({ result }) => result === undefined)) continue
      item.isSettled = true
      onSettled(item)
    }
  }

  return {
    add (item) {
      lanes.add(item)
      if (isScheduled) return
      isScheduled = true
      nextTurn(() => {
        isScheduled = false
        goOn()
      })
    },
    fail (item, error) {
      for (const part of item.parts) part.result ??= refusal(item, error)
      sweep(item.parts)
    },
    abort () { underWay?.abort() }
  }
}

function severalOf (outcome: Outcome, count: number): Outcome {
  if (outcome.error !== null) return outcome
  const { results } = outcome.data as { results?: unknown }
  if (Array.isArray(results) && results.length === count) return outcome
  return failure(clientError('client/not-roomcast', 'The answer does not have one result for each update: is it a Roomcast of this version?', false))
}

function refusal ({ id }: Item, error: ErrorInfo): PublishResult {
  return { status: 'ERROR', data: null, error: { ...error, id } }
}
