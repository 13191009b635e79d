// The cursors of the others: ephemeral updates, which render only this component.
import { useState } from 'react'
import { useEvent, usePresence, type MountedRoom } from '@roomcast/client/react'
import { user } from './user.ts'
import type { BoardEvents } from './board.ts'

export function Cursors ({ room }: { room: MountedRoom<BoardEvents> }) {
  const [cursors, setCursors] = useState<Record<string, BoardEvents['cursor']>>({})
  const others = usePresence(room).collaborators.filter(({ userId }) => userId !== `user-${user.id}`)
  useEvent(room, 'cursor', ({ userId, payload }) => setCursors(known => ({ ...known, [userId]: payload })))
  return others.map(({ userId, displayName, color }) => {
    const at = cursors[userId]
    return at && <i key={userId} style={{ left: `${at.x * 100}%`, top: `${at.y * 100}%`, borderColor: color }}>{displayName}</i>
  })
}
