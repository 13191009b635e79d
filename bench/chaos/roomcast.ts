// Roomcast under test, with clients of two kinds. Both check every offset as well.
import type { Socket } from 'socket.io-client'
import type { SubscribeResult, StreamPosition, Unsubscribed, Update } from '../../services/wire/protocol.ts'
import { call } from '../../test/helpers/http.ts'
import { startInstance } from '../../test/helpers/instance.ts'
import { connect, roomEvent, type ApplicationAnswer } from '../../test/helpers/socket.ts'
import { token } from '../../test/helpers/token.ts'
import { RECONNECTION, type Service } from './service.ts'
import type { Item, Tally } from './tally.ts'

export const ROOM = { workspaceId: 'chaos', appId: 'board' }
const RETRY_MS = 200
/** Longer than any run: a token that ends is no fault of this table. */
const TOKEN_SECONDS = 7 * 24 * 3600

const bearer = token({ sub: 'chaos', exp: Math.floor(Date.now() / 1000) + TOKEN_SECONDS })

/** The client subscribes in its `connect` handler, and leaves the rest to socket.io-client. */
export const roomcast: Service = {
  name: 'Roomcast',

  launch: (scope, place) => startInstance(scope, place.includes('://') ? { REDIS_URL: place } : { REDIS_CLUSTER: place }),

  async publish (url, item, signal) {
    const body = { ...ROOM, event: 'N', payload: item, id: `${item.writer}-${item.n}` }
    return (await call(url, 'POST', '/api/v1/publish', { token: bearer, body, signal })).status === 200
  },

  async follow (scope, url, tally) {
    const socket = await connect(scope, url, { ...RECONNECTION, token: bearer })
    await new Promise<void>(resolve => { followRoom(socket, tally, false, resolve) })
  }
}

/** The client keeps its position, and gives it as `since`. */
export const roomcastSince: Service = {
  ...roomcast,
  name: 'Roomcast, client with since',

  async follow (scope, url, tally) {
    const socket = await connect(scope, url, { ...RECONNECTION, auth: { token: bearer, positions: false } })
    await new Promise<void>(resolve => { followRoom(socket, tally, true, resolve) })
  }
}

function followRoom (socket: Socket, tally: Tally, withSince: boolean, onJoined: () => void): void {
  let position: StreamPosition | undefined
  let isJoining = false

  function join (): void {
    if (isJoining || !socket.connected) return
    isJoining = true
    const since = withSince ? position : undefined
    socket.emit('application', { event: 'SUBSCRIBE', payload: { ...ROOM, ...since && { since } } }, (answer: ApplicationAnswer<SubscribeResult>) => {
      isJoining = false
      if (answer.status === 'ERROR') {
        setTimeout(join, RETRY_MS)
        return
      }
      const { epoch, offset, recovered } = answer.data
      if (since !== undefined && !recovered) tally.onTold()
      if (!recovered || position === undefined) position = { epoch, offset }
      onJoined()
    })
  }

  socket.on(roomEvent(ROOM.workspaceId, ROOM.appId), ({ epoch, offset = 0, payload }: Update) => {
    if (epoch !== position?.epoch || offset !== position.offset + 1) tally.onBroken(`${epoch}:${offset} came after ${position?.epoch}:${position?.offset}`)
    position = { epoch, offset }
    tally.onItem(payload as Item)
  })
  socket.on('unsubscribed', ({ code }: Unsubscribed) => {
    if (code !== 'history/insufficient') tally.onBroken(`unsubscribed: ${code}`)
    tally.onTold()
    position = undefined
    join()
  })
  socket.on('disconnect', () => { isJoining = false })
  socket.on('connect', () => {
    if (!withSince && !socket.recovered) {
      tally.onTold()
      position = undefined
    }
    join()
  })
  join()
}
