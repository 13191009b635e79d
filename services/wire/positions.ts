// The positions of all rooms of a socket as one text, `workspaceId/appId:epoch:offset;…`: what a stock client keeps and sends
// back when it reconnects. No id and no epoch can spell what stands between them.
import { Type } from '@sinclair/typebox'
import type { StreamPosition } from './protocol.ts'
import type { RoomKey } from './rooms.ts'
import { createValidator } from './validation.ts'

/** Above this many rooms a socket is sent no positions: they would weigh more than most updates. */
export const MOST_POSITIONS = 16

const POSITION = '[A-Za-z0-9_.-]{1,64}/[A-Za-z0-9_.-]{1,64}:[A-Za-z0-9_-]{1,64}:(0|[1-9][0-9]{0,15})'
/** Each of two ids, an epoch, an offset, and what stands between. */
export const LONGEST_POSITIONS = MOST_POSITIONS * (3 * 64 + 16 + 4)

export const Positions = Type.String({
  pattern: `^(${POSITION}(;${POSITION}){0,${MOST_POSITIONS - 1}})?$`,
  maxLength: LONGEST_POSITIONS,
  description: 'the positions of all rooms of this socket, for socket.io-client to keep; empty if there is no room, or more than 16',
  examples: ['acme/board-1:pA3kX9sVd2Q:42']
})

const positionsValidator = createValidator(Positions)

export function positionText (room: RoomKey, { epoch, offset }: StreamPosition): string {
  return `${room}:${epoch}:${offset}`
}

/** What a client says that it has; undefined where it is nothing that the service has written. */
export function readPositions (text: unknown): Map<RoomKey, StreamPosition> | undefined {
  if (!positionsValidator.accepts(text) || text === '') return undefined
  const positions = new Map<RoomKey, StreamPosition>()
  for (const part of text.split(';')) {
    const [room, epoch, offset] = part.split(':') as [RoomKey, string, string]
    if (positions.has(room) || Number(offset) > Number.MAX_SAFE_INTEGER) return undefined
    positions.set(room, { epoch, offset: Number(offset) })
  }
  return positions
}
