// HTTP requests to a running service.
import type { Result } from '../services/wire/protocol.ts'
import { CommandError, type Values } from './command.ts'

const DEFAULT_URL = 'http://127.0.0.1:3000'
const ANSWER_MS = 10_000

/** The options of a command that sends requests. */
export const serviceOptions = {
  url: { type: 'string', value: 'URL', help: `address of the service; default: ROOMCAST_URL, else ${DEFAULT_URL}` },
  token: { type: 'string', value: 'TOKEN', help: 'who asks; else ROOMCAST_TOKEN' }
} as const

export interface Service {
  /** Without a slash at its end. */
  url: string
  token: string
}

/** @throws CommandError if the address or the token is missing or wrong */
export function readService ({ url = process.env['ROOMCAST_URL'] || DEFAULT_URL, token = process.env['ROOMCAST_TOKEN'] }: Values<typeof serviceOptions>): Service {
  if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) throw new CommandError(`${JSON.stringify(url)} is not an address: --url or ROOMCAST_URL should look like ${DEFAULT_URL}`)
  if (token === undefined || token.trim() === '') throw new CommandError('there is no token: pass one with --token or ROOMCAST_TOKEN; `roomcast token` makes one')
  return { url: url.replace(/\/+$/, ''), token: token.trim() }
}

/**
 * Sends one request.
 * @returns the `data` of the answer
 * @throws CommandError if nothing or another server answered, or if the service refused
 */
export async function ask<T> ({ url, token }: Service, method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
  const address = url + path
  const response = await fetch(address, {
    method,
    headers: { Authorization: `Bearer ${token}`, ...body !== undefined && { 'Content-Type': 'application/json' } },
    ...body !== undefined && { body: JSON.stringify(body) },
    // A POST that follows a redirect can become a GET.
    redirect: 'manual',
    signal: AbortSignal.timeout(ANSWER_MS)
  }).catch((error: unknown) => { throw new CommandError(`nothing answers at ${url} (${reasonOf(error)}): start the service there, or set its address with --url or ROOMCAST_URL`, { cause: error, isRetryable: true }) })
  const location = response.headers.get('location')
  if (location !== null) throw new CommandError(`${address} redirects to ${location}: set that address with --url or ROOMCAST_URL`)
  const { data, error } = readResult<T>(await response.text(), address, response)
  if (error !== null) throw new CommandError(`${error.code}: ${error.message}`, { isRetryable: error.retryable })
  return data
}

function readResult<T> (text: string, address: string, { status, headers }: Response): Result<T> {
  const kind = headers.get('content-type')?.split(';')[0] ?? 'nothing'
  try {
    const answer = JSON.parse(text) as Partial<Result<T>> | null
    if (answer?.status === 'SUCCESS' || answer?.status === 'ERROR') return answer as Result<T>
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  const name = kind === 'text/html' ? 'HTML' : kind
  throw new CommandError(`${address} answered ${status} with ${name}, so it is not Roomcast: set the address of the service with --url or ROOMCAST_URL, or check the proxy in front of it`)
}

/** The cause that undici hides below "fetch failed". */
function reasonOf (error: unknown): string {
  const { name, message, cause } = error as Error & { cause?: { code?: string, message?: string } }
  return cause?.code ?? cause?.message ?? (name === 'TimeoutError' ? `no answer in ${ANSWER_MS / 1000} s` : message)
}
