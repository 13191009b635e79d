// A member that records every update of a room and checks the promise of the service: in order, no hole, no repeat.
import type { Socket } from 'socket.io-client'
import type { SubscribeResult, StreamPosition, Update } from '../../services/wire/protocol.ts'
import { roomEvent, type ApplicationAnswer } from './socket.ts'
import { within } from './within.ts'

export interface Follower {
  /** Every update that arrived, ephemeral ones too. */
  updates: Update[]
  /** The answer to each SUBSCRIBE: the first, and one more for every reconnect. */
  answers: Array<ApplicationAnswer<SubscribeResult>>
  /** What broke the promise. `until` fails on the first. */
  faults: string[]
  /** Where it stands: what to give as `since`. */
  position (): StreamPosition
  /** Waits until the room's position is at an offset, or until an update, past or future, satisfies a predicate. */
  until (goal: number | ((update: Update) => boolean), timeoutMs?: number): Promise<Update[]>
}

/** Subscribes, and, if the socket reconnects, subscribes again from where it stood. */
export async function follow (socket: Socket, workspaceId: string, appId: string, since?: StreamPosition): Promise<Follower> {
  const updates: Update[] = []
  const answers: Follower['answers'] = []
  const faults: string[] = []
  const watchers = new Set<() => void>()
  let position: StreamPosition | undefined
  let isJoined = false

  const notify = () => { for (const watch of watchers) watch() }

  socket.on(roomEvent(workspaceId, appId), (update: Update) => {
    // Two rooms can spell one event name, and a follower is of one room.
    if (update.workspaceId !== workspaceId || update.appId !== appId) return
    updates.push(update)
    const fault = faultOf(update)
    if (fault !== undefined) faults.push(fault)
    if (update.offset !== undefined) position = { epoch: update.epoch, offset: update.offset }
    notify()
  })
  socket.on('disconnect', () => { isJoined = false })

  function faultOf ({ epoch, offset }: Update): string | undefined {
    const label = `update ${epoch}:${offset ?? 'ephemeral'}`
    if (!isJoined || position === undefined) return `${label} came before the answer to SUBSCRIBE`
    if (offset === undefined) return undefined
    if (epoch !== position.epoch) return `${label} is of another epoch than ${position.epoch}`
    if (offset !== position.offset + 1) return `${label} came after ${position.offset}`
    return undefined
  }

  // By callback: a promise would resolve only after updates that came in the same packet as the answer.
  function join (from: StreamPosition | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = { event: 'SUBSCRIBE', payload: { workspaceId, appId, ...from && { since: from } } }
      socket.timeout(10_000).emit('application', request, (error: Error | null, answer: ApplicationAnswer<SubscribeResult>) => {
        if (error) return reject(error)
        answers.push(answer)
        if (answer.status !== 'SUCCESS') return reject(new Error(`SUBSCRIBE: ${JSON.stringify(answer.error)}`))
        const { epoch, offset, recovered } = answer.data
        if (from && !recovered) faults.push(`what came after ${from.epoch}:${from.offset} was not recovered`)
        // A stock client whose rooms came back with its connection may have been sent more meanwhile.
        position = recovered && from ? position ?? from : { epoch, offset }
        isJoined = true
        resolve()
        notify()
      })
    })
  }

  await join(since)
  socket.on('connect', () => {
    isJoined = socket.recovered
    join(position).catch((error: Error) => {
      // A connection that ends before the answer is followed by the next 'connect'.
      if (socket.connected) faults.push(error.message)
      notify()
    })
  })

  return {
    updates,
    answers,
    faults,
    position: () => position ?? { epoch: '', offset: 0 },
    async until (goal, timeoutMs = 5000) {
      const isReached = () => typeof goal === 'number' ? (position?.offset ?? 0) >= goal : updates.some(goal)
      let watch = () => undefined as void
      const reached = new Promise<Update[]>((resolve, reject) => {
        watch = () => {
          if (faults.length > 0) reject(new Error(faults.join('; ')))
          else if (isReached()) resolve(updates)
        }
        watchers.add(watch)
        watch()
      })
      const what = () => `${workspaceId}/${appId} at ${String(goal)}, is at ${position?.offset}`
      return await within(timeoutMs, what, reached).finally(() => watchers.delete(watch))
    }
  }
}
