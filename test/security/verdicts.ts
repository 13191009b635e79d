// What each gateway says of a token: `accepted`, or the code of its refusal.
import type { Test } from 'tap'
import { call, eventually, openWebSocket } from '../helpers/index.ts'

export interface Verdicts {
  http: string
  socket: string
}

export const ACCEPTED: Verdicts = { http: 'accepted', socket: 'accepted' }

export function both (code: string): Verdicts {
  return { http: code, socket: code }
}

export async function verdicts (t: Test, url: string, bearer: string): Promise<Verdicts> {
  const [http, socket] = await Promise.all([httpVerdict(url, bearer), socketVerdict(t, url, bearer)])
  return { http, socket }
}

export async function httpVerdict (url: string, bearer: string): Promise<string> {
  const { body } = await call(url, 'GET', '/api/v1/workspaces/acme/apps/board-1/presence', { headers: { authorization: `Bearer ${bearer}` } })
  return body.error?.code ?? 'accepted'
}

/**
 * Also `closed`, where the connection ends without a word: not for good.
 * @param auth the `auth` of the handshake: a token, or whatever else may stand there
 */
export async function socketVerdict (t: Test, url: string, bearer: unknown, auth: unknown = { token: bearer }): Promise<string> {
  const raw = await openWebSocket(t, url)
  raw.send(`40${JSON.stringify(auth)}`)
  const answer = await eventually(() => raw.frames.find(frame => frame.startsWith('4')) ?? (raw.isClosed() && 'closed'))
  raw.socket.terminate()
  if (answer === 'closed') return answer
  if (answer.startsWith('40')) return 'accepted'
  const refusal = JSON.parse(answer.slice(2)) as { data?: { code?: string } }
  return refusal.data?.code ?? answer
}
