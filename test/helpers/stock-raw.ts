// A stock client without its library: what it would send back, and what CONNECT is answered with.
import type { Test } from 'tap'
import { openWebSocket, type RawWebSocket } from './raw.ts'
import { token } from './token.ts'

/** What a client keeps of a session. */
export interface Left {
  pid: string
  offset: string
}

/** Subscribes to rooms, and is gone. */
export async function subscribeAndLeave (t: Test, url: string, rooms: string[], bearer = token()): Promise<Left> {
  const raw = await openWebSocket(t, url)
  raw.send(`40${JSON.stringify({ token: bearer })}`)
  const { pid } = JSON.parse((await raw.frame('40')).slice(2)) as { pid: string }
  let offset = ''
  for (const room of rooms) {
    const [workspaceId, appId] = room.split('/')
    raw.send(`42${JSON.stringify(['application', { event: 'SUBSCRIBE', payload: { workspaceId, appId } }])}`)
    const answer = await raw.frame(`42["application_response",{"event":"SUBSCRIBE","payload":{"workspaceId":"${workspaceId}","appId":"${appId}"}`)
    offset = (JSON.parse(answer.slice(2)) as string[])[2] as string
  }
  raw.socket.terminate()
  return { pid, offset }
}

/** Opens a connection and sends what it has kept. */
export async function sendBack (t: Test, url: string, auth: { pid?: unknown, offset?: unknown, token?: string }): Promise<RawWebSocket> {
  const raw = await openWebSocket(t, url)
  raw.send(`40${JSON.stringify({ token: token(), ...auth })}`)
  return raw
}

/** Waits for the answer to that: the old `pid`, or a new one. */
export async function comeBack (t: Test, url: string, auth: { pid?: unknown, offset?: unknown, token?: string }) {
  const raw = await sendBack(t, url, auth)
  const { pid } = JSON.parse((await raw.frame('40')).slice(2)) as { pid?: string }
  return { raw, pid, isRecovered: pid === auth.pid, updates: () => updatesOf(raw) }
}

export function updatesOf ({ frames }: RawWebSocket): string[] {
  return frames.filter(frame => frame.startsWith('42["workspace_'))
}

/** Waits for what the server can only have sent after all that it owes by now. */
export async function settled (raw: RawWebSocket): Promise<void> {
  raw.send(`42${JSON.stringify(['application', { event: 'UNSUBSCRIBE', payload: { workspaceId: 'no', appId: 'where' } }])}`)
  await raw.frame('42["application_response",{"event":"UNSUBSCRIBE"')
}
