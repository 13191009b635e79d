// Recovery of an unmodified socket.io-client. It keeps the positions that come with updates, and sends them back with its
// `pid` when it reconnects to any instance. If every named room is recovered, it gets the same `pid`; else it starts fresh.
import { setTimeout as pause } from 'node:timers/promises'
import { authorize } from '../access/capabilities.ts'
import type { Feeds } from '../feeds/feeds.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'
import { RoomcastError, toRoomcastError } from '../wire/errors.ts'
import { LONGEST_POSITIONS, readPositions } from '../wire/positions.ts'
import type { StreamPosition } from '../wire/protocol.ts'
import { roomName, type RoomKey } from '../wire/rooms.ts'
import type { Attempt } from './attempts.ts'
import { createPid, isOfSession } from './pid.ts'
import type { Session } from './session.ts'

const RETRY_MS = 500

interface StockRecovery {
  /** Whether a client that sent this keeps positions. */
  isWanted (auth: Record<string, unknown>): boolean
  /**
   * Recovers all rooms of a returning session, or none, before CONNECT is answered. Nothing is written to the session before
   * its release.
   * @returns the `pid` to answer with
   */
  comeBack (session: Session, auth: Record<string, unknown>): Promise<string>
}

export function createStockRecovery ({ feeds, settings, metrics, log }: {
  feeds: Feeds, settings: Settings, metrics: Metrics, log: Log
}): StockRecovery {
  async function recover (session: Session, rooms: Array<[RoomKey, StreamPosition]>): Promise<void> {
    if (rooms.length > settings.EVENT_BURST) throw new RoomcastError('limit/event-rate')
    for (const [room] of rooms) authorize(session.capabilities(roomName(room)), 'subscribe', roomName(room))
    const attempts = rooms.map(([room]) => session.attempt(room))
    session.hold()
    try {
      await inTime(Promise.all(rooms.map(([room, since], i) => recoverRoom(session, room, since, attempts[i] as Attempt))))
      // A subscription may have ended while others were recovering.
      if (session.rooms().length < rooms.length) throw new RoomcastError('history/insufficient')
    } catch (error) {
      session.giveUp()
      throw error
    } finally {
      for (const attempt of attempts) attempt.done()
    }
  }

  async function recoverRoom (session: Session, room: RoomKey, since: StreamPosition, attempt: Attempt): Promise<void> {
    for (;;) {
      attempt.assertStanding()
      try {
        return await session.recover(await feeds.open(room), since, attempt)
      } catch (error) {
        const { code } = toRoomcastError(error)
        if (code !== 'broker/unavailable' && code !== 'broker/timeout') throw error
      }
      await pause(RETRY_MS, undefined, { ref: false })
    }
  }

  /** Recovery is part of the handshake, which has its own timeout. */
  const timeoutMs = Math.min(settings.STOCK_RECOVERY_TIMEOUT_MS, settings.AUTH_TIMEOUT_MS / 2)

  async function inTime (work: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((resolve, reject) => {
      timer = setTimeout(() => { reject(new RoomcastError('broker/unavailable')) }, timeoutMs)
    })
    await Promise.race([work, late]).finally(() => clearTimeout(timer))
  }

  return {
    isWanted: auth => settings.STOCK_RECOVERY && auth['positions'] !== false,

    async comeBack (session, { pid, offset: given }) {
      const { sub } = session.identity()
      if (pid === undefined) return createPid(sub, '')
      const offset = typeof given === 'string' && given.length <= LONGEST_POSITIONS ? given : ''
      try {
        const positions = readPositions(offset)
        if (positions === undefined || !isOfSession(pid, sub, offset)) throw new RoomcastError('request/invalid')
        await recover(session, [...positions])
        metrics.stockRecoveries.inc({ outcome: 'recovered' })
        return pid
      } catch (error) {
        const { code } = toRoomcastError(error)
        if (code === 'server/internal') log.error({ err: error }, 'rooms of a stock client were not recovered by a bug: please report this line')
        metrics.stockRecoveries.inc({ outcome: code })
        return createPid(sub, offset)
      }
    }
  }
}
