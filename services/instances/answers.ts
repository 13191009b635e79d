// Gathers the answers of all instances to a question or command, until every live instance has answered or time is up.
import { Type } from '@sinclair/typebox'
import type { Broker } from '../broker/broker.ts'
import type { Inbox } from './inbox.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Peers } from './peers.ts'
import { instanceRoom } from '../wire/rooms.ts'
import { createValidator } from '../wire/validation.ts'

const ANSWER_EVENT = 'answer'
/** A caller is answered within 1 s; the rest is for transport. */
const ANSWERS_WITHIN_MS = 900

const answerValidator = createValidator(Type.Object({ id: Type.String(), instance: Type.String() }))

export interface Answers {
  /** Open this before the question is sent, and close it in any case. @param isAnswer anything else is ignored */
  open<T> (id: string, isAnswer: (value: unknown) => value is T): Gathering<T>
  /** Sends an answer to the instance that waits for it. If it is lost, the result there is incomplete. */
  give (to: string, id: string, answer: object): Promise<void>
}

export interface Gathering<T> {
  /** The answers by instance. */
  readonly answers: ReadonlyMap<string, T>
  /** The question was sent to this many instances. Waits for them, and for all live ones. */
  heardBy (instances: number): void
  /** The question could not be sent, so there is nothing to wait for. */
  giveUp (): void
  /** Resolves when all have answered, or when time is up. */
  readonly done: Promise<void>
  isComplete (): boolean
  /** Live instances that have not answered. */
  silent (): string[]
  close (): void
}

export function createAnswers ({ broker, inbox, peers, metrics, log }: {
  broker: Broker, inbox: Inbox, peers: Peers, metrics: Metrics, log: Log
}): Answers {
  const gathering = new Map<string, (instance: string, answer: unknown) => void>()

  inbox.on(ANSWER_EVENT, ({ payload }) => {
    if (!answerValidator.accepts(payload)) return metrics.dropped.inc({ reason: 'garbage' })
    // An instance that answers is alive, although its next heartbeat may be seconds away.
    peers.heard(payload.instance)
    gathering.get(payload.id)?.(payload.instance, payload)
  })

  return {
    open<T> (id: string, isAnswer: (value: unknown) => value is T): Gathering<T> {
      const answers = new Map<string, T>()
      let expected = new Set(peers.alive())
      let instances = Infinity
      let finish: () => void = () => {}
      const done = new Promise<void>(resolve => { finish = resolve })
      const timer = setTimeout(finish, ANSWERS_WITHIN_MS)
      const silent = () => [...expected].filter(instance => !answers.has(instance))
      const isComplete = () => answers.size >= instances && silent().length === 0
      gathering.set(id, (instance, answer) => {
        if (!isAnswer(answer)) return metrics.dropped.inc({ reason: 'garbage' })
        answers.set(instance, answer)
        if (isComplete()) finish()
      })
      return {
        answers,
        done,
        isComplete,
        silent,
        heardBy (count) {
          instances = count
          expected = new Set(peers.alive())
          if (isComplete()) finish()
        },
        giveUp: finish,
        close () {
          clearTimeout(timer)
          gathering.delete(id)
        }
      }
    },

    async give (to, id, answer) {
      const { instance } = broker
      const payload = { ...answer, id, instance }
      if (to === instance) return gathering.get(id)?.(instance, payload)
      try {
        await broker.publishEphemeral({ room: instanceRoom(to), event: ANSWER_EVENT, payloadJson: JSON.stringify(payload), userId: instance, sub: instance })
      } catch (error) {
        log.debug({ err: (error as Error).message }, 'an answer was not sent')
      }
    }
  }
}
