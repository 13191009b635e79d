// One request to the service, and the meaning of its answer, even if another server answers.
import { clientError, noAnswer, type ErrorInfo } from '../errors.ts'
import { takeToken } from '../token.ts'
import type { PublisherOptions } from './types.ts'

/** These statuses say nothing about the update, and the same request may succeed later. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])
const TOKEN = /^[\x21-\x7e]+$/

export type Outcome =
  | { data: unknown, error: null }
  | {
    data: null
    error: ErrorInfo
    /** How long to wait before a retry, as requested by the service. */
    retryAfterMs: number
    /** Whether a smaller request may succeed. */
    isTooMuch: boolean
  }

interface Answer { status: number, headers: Headers, text: string }

/** @param aborting ends it early */
export type Request = (path: string, body: string, aborting: AbortController) => Promise<Outcome>

/** @throws TypeError if `url` is not an HTTP address */
export function createRequest (url: string, { token: given, answerTimeoutMs = 5000, fetch: send = fetch }: PublisherOptions): Request {
  const base = new URL(url.endsWith('/') ? url : `${url}/`)
  if (!base.protocol.startsWith('http')) throw new TypeError(`${url} is not the address of a service: it should start with http:// or https://`)
  const source = typeof given === 'string' ? () => given : given
  let token: string | undefined

  return async (path, body, aborting) => {
    for (;;) {
      const isFresh = token === undefined
      if (token === undefined) {
        const taken = await soon(takeToken(source), answerTimeoutMs)
        if (typeof taken === 'object') return failure(taken)
        if (!TOKEN.test(taken)) return failure(clientError('client/no-token', 'The token is empty, or has characters that are not allowed in a header.', false))
        token = taken
      }
      const address = new URL(path, base)
      const answer = await ask(address, token, body, aborting)
      if ('error' in answer) return answer
      if (answer.status === 401) token = undefined
      // A token that was valid before has expired, or its key was changed. A new one may work.
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
        // A redirect would be followed as a GET, and a page would answer.
        redirect: 'manual',
        signal: aborting.signal
      })
      // An answer that breaks off counts as none.
      return { status: response.status, headers: response.headers, text: await response.text() }
    } catch (error) {
      if (isLate) return failure({ ...noAnswer, message: `${address.href} did not answer within ${answerTimeoutMs} ms.` })
      return failure(clientError('client/unreachable', `${address.href} is unreachable: ${reason(error)}.`))
    } finally {
      clearTimeout(timer)
    }
  }
}

function read (answered: Answer, address: URL): Outcome {
  const { status, headers, text } = answered
  const answer = envelope(text)
  if (answer?.error === null) return answer
  const error = answer?.error ?? clientError('client/not-roomcast', describeAnswer(answered, address))
  return {
    data: null,
    error: { ...error, retryable: PASSING.has(status) || (answer !== undefined && error.retryable) || error.code === 'auth/token-expired' },
    retryAfterMs: waitOf(headers.get('retry-after')),
    isTooMuch: status === 413 || status === 400
  }
}

/** Limits the wait for a token function that never resolves. */
async function soon (token: Promise<string | ErrorInfo>, timeoutMs: number): Promise<string | ErrorInfo> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<ErrorInfo>(resolve => {
    timer = setTimeout(resolve, timeoutMs, clientError('client/no-token', `The token function returned none within ${timeoutMs} ms.`))
  })
  return await Promise.race([token, late]).finally(() => clearTimeout(timer))
}

export function failure (error: ErrorInfo): Outcome {
  return { data: null, error, retryAfterMs: 0, isTooMuch: false }
}

/** Describes a foreign answer (a proxy's page, a redirect, another service), so that its origin is clear. */
function describeAnswer ({ status, headers }: Answer, { href }: URL): string {
  const location = headers.get('location')
  const answer = `${href} answered ${status} (${headers.get('content-type') ?? 'without a type'}), which is not an answer of Roomcast`
  return location === null ? `${answer}: check the address, and the proxy in front of the service.` : `${answer}: it points to ${location}.`
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

/** Node puts the reason of a failed `fetch` into its cause. */
function reason (error: unknown): string {
  const { message, cause } = error as Error & { cause?: { message?: string, code?: string } }
  return cause?.message || cause?.code || message
}
