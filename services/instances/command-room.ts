// The internal room of commands. Its log is read from the oldest entry on, so that an instance learns earlier commands.
import type { Broker, EphemeralUpdate, StoredUpdate, Retention } from '../broker/broker.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Feed } from '../feeds/feed.ts'
import type { Feeds } from '../feeds/feeds.ts'
import type { Log } from '../observe/log.ts'
import type { Member } from '../feeds/member.ts'
import type { Receipt, StreamPosition } from '../wire/protocol.ts'
import { longestRevocation } from '../access/revocations.ts'
import { COMMANDS_ROOM } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

const COMMAND_EVENT = 'command'
const RETRY_MS = 200

export interface CommandRoom {
  /**
   * @param callerId makes a repeated publish idempotent
   * @throws RoomcastError `broker/…`
   */
  publish (payload: unknown, callerId: string): Promise<Receipt>
  start (): void
  close (): void
}

export interface CommandRoomOptions {
  broker: Broker
  feeds: Feeds
  settings: Settings
  log: Log
  /** Called once per entry. @param isOld the entry was in the log already, so nobody waits for an answer */
  onEntry: (update: StoredUpdate, isOld: boolean) => void
  onEphemeral: (update: EphemeralUpdate) => void
  /** The log will be read. @param isGap entries were lost since the last entry that was read */
  onReading: (epoch: string, isGap: boolean) => void
  /** The whole log has been read; later entries are new. */
  onRead: () => void
}

/** The progress of reading the log. */
type State =
  | { name: 'idle', timer: NodeJS.Timeout | undefined }
  /** Entries up to `upTo` are old; later ones are new. */
  | { name: 'reading', upTo: number, done: () => void, failed: (error: Error) => void }
  | { name: 'following' }
  | { name: 'closed' }

export function createCommandRoom ({ broker, feeds, settings, log, onEntry, onEphemeral, onReading, onRead }: CommandRoomOptions): CommandRoom {
  const seconds = longestRevocation(settings)
  const retention: Retention = { historySize: settings.COMMANDS_HISTORY_SIZE, historySeconds: seconds, roomSeconds: seconds }
  let state: State = { name: 'idle', timer: undefined }
  /** The last entry that was delivered or skipped. */
  let read: StreamPosition = { epoch: '', offset: 0 }

  const member: Member = {
    position: 0,
    deliver: ({ entries }) => {
      for (const { update } of entries) {
        if (update.kind === 'update') onUpdate(update)
        else onEphemeral(update)
      }
    },
    isFull: () => false,
    isLagging: () => false,
    whenDrained: callback => callback(),
    end () {
      // In the same epoch, nobody can read the next entry, so it is skipped.
      if (feeds.get(COMMANDS_ROOM)?.position().epoch === read.epoch) read.offset = Math.max(read.offset, member.position) + 1
      if (state.name === 'reading') state.failed(new RoomcastError('history/insufficient'))
      else followLater()
    }
  }

  function onUpdate (update: StoredUpdate): void {
    const { epoch, offset } = update
    read = { epoch, offset }
    onEntry(update, state.name === 'reading')
    if (state.name === 'reading' && offset >= state.upTo) followFromHere()
  }

  async function follow (): Promise<void> {
    try {
      const { epoch, oldest, offset } = await broker.history(COMMANDS_ROOM, 0, { maxUpdates: 1, maxBytes: 1 })
      // Opened last, because a feed that nobody joins in the same turn is closed after ROOM_LINGER_MS, which may be 0.
      const feed = await feeds.open(COMMANDS_ROOM, retention)
      const known = read.epoch === epoch ? read.offset : 0
      const first = Math.max(known, oldest === undefined ? offset : oldest - 1)
      if (state.name === 'closed') return
      onReading(epoch, first > known)
      read = { epoch, offset: first }
      await readFrom(feed, { epoch, offset: Math.min(first, offset) })
    } catch (error) {
      if (!(error instanceof RoomcastError)) log.error({ err: error }, 'the commands room is not followed by a bug, and is tried again: please report this line')
      feeds.get(COMMANDS_ROOM)?.leave(member)
      followLater()
    }
  }

  function readFrom (feed: Feed, since: StreamPosition): Promise<void> {
    return new Promise((resolve, reject) => {
      state = { name: 'reading', upTo: Infinity, failed: reject, done: resolve }
      feed.join(member, since, joined => {
        if (state.name !== 'reading') return
        // The log was trimmed or restarted meanwhile. An instance must not be trusted if it missed commands.
        if (!joined.recovered) return reject(new RoomcastError('history/insufficient'))
        state.upTo = joined.offset
        if (joined.missed === 0) followFromHere()
      }).catch(reject)
    })
  }

  /** Runs in the same turn as the last old entry, so that the next one is new. */
  function followFromHere (): void {
    if (state.name !== 'reading') return
    const { done } = state
    state = { name: 'following' }
    onRead()
    done()
  }

  function followLater (): void {
    if (state.name === 'closed') return
    if (state.name === 'idle') clearTimeout(state.timer)
    state = { name: 'idle', timer: setTimeout(() => { void follow() }, RETRY_MS).unref() }
  }

  return {
    publish: (payload, callerId) => broker.publish({
      room: COMMANDS_ROOM, event: COMMAND_EVENT, payloadJson: JSON.stringify(payload), userId: broker.instance, sub: '$commands', callerId, retention
    }),
    start: () => { void follow() },
    close () {
      if (state.name === 'idle') clearTimeout(state.timer)
      state = { name: 'closed' }
    }
  }
}
