// The answer of this instance to a question of operators: its rows of the page, in the order of their keys. One pass finds
// them. The answer is bounded in rows, bytes and inspected members.
import type { Feed } from '../feeds/feed.ts'
import type { Feeds } from '../feeds/feeds.ts'
import type { Readiness } from './readiness.ts'
import type { Session } from '../sessions/session.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { Settings } from '../settings.ts'
import type { InstanceOverview, Parts, Question, RoomPart, SessionOverview, Span } from '../wire/overview.ts'
import { isInternal, roomName, type RoomKey } from '../wire/rooms.ts'
import { createFirst } from './first.ts'

/** The most members that one answer inspects; a single room may have more. */
const MEMBERS_LOOKED_AT = 50_000
/** The most listed rooms of a session, because a hundred sessions of five hundred rooms would exceed a page. */
const ROOMS_LISTED = 100

export function createParts ({ instance, version, feeds, sessions, readiness, settings }: {
  instance: string, version: string, feeds: Feeds, sessions: Sessions, readiness: Readiness, settings: Settings
}): (question: Question) => Parts[Question['ask']] {
  const startedAt = Date.now()

  // ── Rooms ─────────────────────────────────────────────────────────────────

  function roomsPart ({ workspaces, after, limit }: Span & { workspaces?: string[] }): Parts['rooms'] {
    const first = createFirst(after, limit)
    const isWanted = reach(workspaces)
    for (const { room, size } of feeds.all()) if (!isInternal(room) && isWanted(room) && size() > 0) first.offer(room)
    let looks = 0
    return rows(first, room => {
      const feed = feeds.get(room) as Feed
      looks += feed.size()
      return looks > MEMBERS_LOOKED_AT && looks > feed.size() ? undefined : roomPart(feed)
    })
  }

  function roomPart (feed: Feed): RoomPart {
    const members = feed.members()
    return {
      ...roomName(feed.room),
      ...feed.position(),
      members: new Set(members.map(({ caller }) => caller)).size,
      sockets: members.length,
      behind: feed.behind(),
      updatesPerMinute: feed.updatesPerMinute()
    }
  }

  function onlyRoom (room: RoomKey): Parts['room'] {
    const feed = feeds.get(room)
    return { rows: feed === undefined ? [] : [roomPart(feed)], more: false }
  }

  // ── Sessions ──────────────────────────────────────────────────────────────

  function sessionsPart ({ userId, workspaces, after, limit }: Span & { userId: string, workspaces?: string[] }): Parts['sessions'] {
    const first = createFirst(after, limit)
    const isWanted = reach(workspaces)
    const ofUser = new Map(sessions.ofUser(userId).map(session => [session.id, session]))
    for (const [id, session] of ofUser) if (workspaces === undefined || session.rooms().some(isWanted)) first.offer(id)
    return rows(first, id => sessionRow(ofUser.get(id) as Session, isWanted, workspaces === undefined))
  }

  function sessionRow (session: Session, isWanted: (room: RoomKey) => boolean, isAddressShown: boolean): SessionOverview {
    const rooms = session.rooms().filter(isWanted).sort()
    return {
      id: session.id,
      instance,
      transport: session.socket.conn.transport.name === 'websocket' ? 'websocket' : 'polling',
      connectedAt: Math.round(Date.now() - (performance.now() - session.startedAt)),
      address: isAddressShown ? session.address : null,
      tokenEndsAt: session.identity().expiresAt,
      bytesWaiting: session.sendBuffer.waiting(),
      roomCount: rooms.length,
      rooms: rooms.slice(0, ROOMS_LISTED).flatMap(room => {
        const position = session.position(room)
        const feed = feeds.get(room)?.position()
        if (position === undefined) return []
        return { ...roomName(room), ...position, behind: feed?.epoch === position.epoch ? feed.offset - position.offset : 0 }
      })
    }
  }

  // ── The instance ──────────────────────────────────────────────────────────

  function instanceRow (): InstanceOverview {
    const reasons = readiness.faults()
    return {
      instance,
      version,
      startedAt,
      sockets: sessions.size,
      rooms: [...feeds.all()].filter(({ room, size }) => !isInternal(room) && size() > 0).length,
      ...readiness.load(),
      memoryBytes: process.memoryUsage.rss(),
      ready: reasons.length === 0,
      reasons,
      draining: readiness.isDraining()
    }
  }

  /** As many rows as fit. @param row undefined ends the list */
  function rows<Row> ({ keys, isMore }: { keys: () => string[], isMore: () => boolean }, row: (key: string) => Row | undefined): { rows: Row[], more: boolean } {
    const taken: Row[] = []
    let bytes = 0
    for (const key of keys()) {
      const next = row(key)
      if (next === undefined) return { rows: taken, more: true }
      bytes += Buffer.byteLength(JSON.stringify(next))
      if (bytes > settings.QUESTION_ANSWER_BYTES && taken.length > 0) return { rows: taken, more: true }
      taken.push(next)
    }
    return { rows: taken, more: isMore() }
  }

  return question => {
    if (question.ask === 'rooms') return roomsPart(question)
    if (question.ask === 'room') return onlyRoom(question.room)
    if (question.ask === 'sessions') return sessionsPart(question)
    return { rows: [instanceRow()], more: false }
  }
}

/** Whether a room belongs to one of the workspaces; undefined stands for all. */
function reach (workspaces: string[] | undefined): (room: RoomKey) => boolean {
  if (workspaces === undefined) return () => true
  const within = new Set(workspaces)
  return room => within.has(room.slice(0, room.indexOf('/')))
}
