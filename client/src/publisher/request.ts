// One request to the service, and what its answer means: also where something else answers.
import { clientError, noAnswer, type ErrorInfo } from '../errors.ts'
import { takeToken } from '../token.ts'
import type { PublisherOptions } from './types.ts'

/** Whoever answers so says nothing about the update: the same request may pass later. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504])
const TOKEN = /^[\x21-\x7e]+$/

export type Outcome =
  | { data: unknown, error: null }
  | {
    data: null
    error: ErrorInfo
    /** The service wants to be left alone for so long. */
    retryAfterMs: number
    /** Less at a time may pass. */
    isTooMuch: boolean
  }

interface Answer { status: number, headers: Headers, text: string }

/** @param aborting ends it early */
export type Request = (path: string, body: string, aborting: AbortController) => Promise<Outcome>

/** @throws TypeError where `url` is no HTTP address */
export function createRequest (url: string, { token: given, answerTimeoutMs = 5000, fetch: send = fetch }: PublisherOptions): Request {
  const base = new URL(url.endsWith('/') ? url : `${url}/`)
  if (!base.protocol.startsWith('http')) throw new TypeError(`${url} is no address of a service: it should begin with http:// or https://`)
  const source = typeof given === 'string' ? () => given : given
  let token: string | undefined

  return async (path, body, aborting) => {
    for (;;) {
      const isFresh = token === undefined
      if (token === undefined) {
        const taken = await soon(takeToken(source), answerTimeoutMs)
        if (typeof taken === 'object') return failure(taken)
        if (!TOKEN.test(taken)) return failure(clientError('client/no-token', 'The token is empty, or has characters that no header can carry.', false))
        token = taken
      }
      const address = new URL(path, base)
      const answer = await ask(address, token, body, aborting)
      if ('error' in answer) return answer
      if (answer.status === 401) token = undefined
      // A token that was good once has run out, or its key was changed: a new one may do.
      if (answer.status !== 401 || isFresh || typeof given === 'string') return read(answer, address)
    }
  }

  async function ask (address: URL, token: string, body: string, aborting: AbortController): Promise<Answer | Outcome> {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      aborting.abort()
    }, answerTimeoutMs)
    try {
      const response = await send(address, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        body,
        // Followed as a GET, a page would answer it.
        redirect: 'manual',
        signal: aborting.signal
      })
      // One that stops in the middle is no answer.
      return { status: response.status, headers: response.headers, text: await response.text() }
    } catch (error) {
      if (isLate) return failure({ ...noAnswer, message: `${address.href} did not answer within ${answerTimeoutMs} ms.` })
      return failure(clientError('client/unreachable', `${address.href} cannot be reached: ${reason(error)}.`))
    } finally {
      clearTimeout(timer)
    }
  }
}

function read (answered: Answer, address: URL): Outcome {
  const { status, headers, text } = answered
  const answer = envelope(text)
  if (answer?.error === null) return answer
  const error = answer?.error ?? clientError('client/not-roomcast', stranger(answered, address))
  return {
    data: null,
    error: { ...error, retryable: PASSING.has(status) || (answer !== undefined && error.retryable) || error.code === 'auth/token-expired' },
    retryAfterMs: waitOf(headers.get('retry-after')),
    isTooMuch: status === 413 || status === 400
  }
}

/** A function that never gives its token must not stop everything. */
async function soon (token: Promise<string | ErrorInfo>, timeoutMs: number): Promise<string | ErrorInfo> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<ErrorInfo>(resolve => {
    timer = setTimeout(resolve, timeoutMs, clientError('client/no-token', `The token function gave none within ${timeoutMs} ms.`))
  })
  return await Promise.race([token, late]).finally(() => clearTimeout(timer))
}

export function failure (error: ErrorInfo): Outcome {
  return { data: null, error, retryAfterMs: 0, isTooMuch: false }
}

/** An HTML page of a proxy, a redirect, another service: whoever reads this should know where it came from. */
function stranger ({ status, headers }: Answer, { href }: URL): string {
  const location = headers.get('location')
  const answer = `${href} answered ${status} (${headers.get('content-type') ?? 'without a type'}), which is not an answer of Roomcast`
  return location === null ? `${answer}: check the address, and what stands before the service.` : `${answer}: it points to ${location}.`
}

function envelope (text: string): { data: unknown, error: null } | { data: null, error: ErrorInfo } | undefined {
  try {
    const answer = JSON.parse(text) as { status?: unknown, data: never, error: ErrorInfo } | null
    return (answer?.status === 'SUCCESS' && typeof answer.data === 'object' && answer.data !== null) || (answer?.status === 'ERROR' && typeof answer.error?.code === 'string') ? answer : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** @param header seconds, or a date @returns milliseconds */
function waitOf (header: string | null): number {
  if (header === null) return 0
  const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(wait) ? 0 : Math.max(0, wait)
}

/** Of a failed `fetch`, Node tells the cause beside it. */
function reason (error: unknown): string {
  const { message, cause } = error as Error & { cause?: { message?: string, code?: string } }
  return cause?.message || cause?.code || message
}
