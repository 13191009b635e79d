// The internal room of commands: followed from its oldest entry, so that an instance knows what was said before its time.
import type { Broker, EphemeralUpdate, StoredUpdate, Retention } from '../broker/broker.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Feeds } from '../feeds/feeds.ts'
import type { Log } from '../observe/log.ts'
import type { Member } from '../feeds/member.ts'
import type { Receipt, StreamPosition } from '../wire/protocol.ts'
import { COMMANDS_ROOM } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

const COMMAND_EVENT = 'command'
const RETRY_MS = 200

export interface CommandRoom {
  /** Whether everything kept has been read once. */
  isCaughtUp (): boolean
  /** @param callerId makes a command that is published again the same one */
  publish (payload: unknown, callerId: string): Promise<Receipt>
  start (): void
  close (): void
}

export function createCommandRoom ({ broker, feeds, settings, log, onCommand, onEphemeral, onEpoch }: {
  broker: Broker
  feeds: Feeds
  settings: Settings
  log: Log
  /** Each command once. @param isOld it was kept, and nobody waits for what becomes of it */
  onCommand: (update: StoredUpdate, isOld: boolean) => void
  onEphemeral: (update: EphemeralUpdate) => void
  /** The room began anew after it had been followed: what it is still to hold must be published again. */
  onEpoch: (epoch: string) => Promise<void>
}): CommandRoom {
  const retention: Retention = {
    historySize: settings.COMMANDS_HISTORY_SIZE,
    historySeconds: settings.TOKEN_MAX_SECONDS,
    roomSeconds: settings.TOKEN_MAX_SECONDS
  }
  let isCaughtUp = false
  let isClosed = false
  let retryTimer: NodeJS.Timeout | undefined
  /** While it catches up: the offset up to which commands must be known, and whom to tell. */
  let awaited: { offset: number, resolve: () => void, reject: (error: Error) => void } | undefined
  /** An entry that nobody can read is stepped over. */
  let skipTo: StreamPosition = { epoch: '', offset: 0 }
  let last: StreamPosition = { epoch: '', offset: 0 }
  let followedEpoch: string | undefined

  const member: Member = {
    position: 0,
    deliver ({ update }) {
      const { epoch, offset } = update
      // None is carried out twice, also when the room is read again from its start.
      if (epoch !== last.epoch || offset > last.offset) onCommand(update, awaited !== undefined)
      last = { epoch, offset: epoch === last.epoch ? Math.max(offset, last.offset) : offset }
      if (awaited !== undefined && offset >= awaited.offset) awaited.resolve()
    },
    deliverEphemeral: ({ update }) => onEphemeral(update),
    waiting: () => 0,
    whenDrained: callback => callback(),
    end () {
      const epoch = feeds.get(COMMANDS_ROOM)?.position().epoch
      if (epoch === last.epoch) skipTo = { epoch, offset: member.position + 1 }
      if (awaited === undefined) followLater()
      else awaited.reject(new RoomcastError('history/insufficient'))
    }
  }

  async function follow (): Promise<void> {
    if (isClosed) return
    try {
      const feed = await feeds.open(COMMANDS_ROOM, retention)
      const { epoch, oldest, offset } = await broker.history(COMMANDS_ROOM, 0, { maxUpdates: 1, maxBytes: 1 })
      const first = Math.max(oldest === undefined ? offset : oldest - 1, skipTo.epoch === epoch ? skipTo.offset : 0)
      await new Promise<void>((resolve, reject) => {
        awaited = { offset: Infinity, resolve, reject }
        feed.join(member, { epoch, offset: Math.min(first, offset) }, joined => {
          awaited = { offset: joined.offset, resolve, reject }
          // Trimmed or begun anew since it was read: what this instance would not know, it must not trust.
          if (!joined.recovered) reject(new RoomcastError('history/insufficient'))
          else if (joined.missed === 0) resolve()
        }).catch(reject)
      })
      awaited = undefined
      if (followedEpoch !== undefined && followedEpoch !== epoch) await onEpoch(epoch)
      followedEpoch = epoch
      if (offset > 0 && oldest !== 1) await beginAnew(epoch)
      isCaughtUp = true
    } catch (error) {
      awaited = undefined
      if (!(error instanceof RoomcastError)) log.error({ err: error }, 'commands cannot be followed')
      feeds.get(COMMANDS_ROOM)?.leave(member)
      followLater()
    }
  }

  /** Its first commands were trimmed or evicted: in a new epoch, everyone writes again what they know and still counts. */
  async function beginAnew (epoch: string): Promise<never> {
    await broker.renewEpoch(COMMANDS_ROOM, epoch)
    throw new RoomcastError('history/insufficient')
  }

  function followLater (): void {
    retryTimer = setTimeout(() => { void follow() }, RETRY_MS)
    retryTimer.unref()
  }

  return {
    isCaughtUp: () => isCaughtUp,
    publish: (payload, callerId) => broker.publish({
      room: COMMANDS_ROOM, event: COMMAND_EVENT, payloadJson: JSON.stringify(payload), userId: broker.instance, sub: '$commands', callerId, retention
    }),
    start: () => { void follow() },
    close () {
      isClosed = true
      clearTimeout(retryTimer)
    }
  }
}
