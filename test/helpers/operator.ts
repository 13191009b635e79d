// What an operator asks the instances, and the users whom he finds there.
import type { Test } from 'tap'
import type { Socket } from 'socket.io-client'
import { call } from './http.ts'
import type { Instance } from './instance.ts'
import { connect, subscribe } from './socket.ts'
import { token } from './token.ts'

export const operator = token({ sub: 'operator', capabilities: { '*/*': ['manage'] } })

/** @returns a function that asks a path of `/api/v1`: at that instance and as the operator, unless others are named */
export function lookFrom (instance: Instance) {
  return async <T> (path: string, { url }: Instance = instance, bearer = operator) => {
    const { status, body, text } = await call<T>(url, 'GET', `/api/v1${path}`, { token: bearer })
    return { status, data: body.data, code: body.error?.code, text }
  }
}

/** A socket of a user that is in some rooms of a workspace. */
export async function enter (t: Test, { url }: Instance, sub: string, workspaceId: string, ...apps: string[]): Promise<Socket> {
  const socket = await connect(t, url, { token: token({ sub }), transports: ['websocket'] })
  for (const appId of apps) t.equal((await subscribe(socket, workspaceId, appId)).status, 'SUCCESS')
  return socket
}
