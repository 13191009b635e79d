// Answers of all instances to what one of them has said: gathered until every live one has answered, or until time is up.
import { Type } from '@sinclair/typebox'
import type { Broker } from '../broker/broker.ts'
import type { Inbox } from './inbox.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Peers } from './peers.ts'
import { instanceRoom } from '../wire/rooms.ts'
import { createValidator } from '../wire/validation.ts'

const ANSWER_EVENT = 'answer'
/** A caller has its answer within 1 s; this leaves time for the way. */
const ANSWERS_WITHIN_MS = 900

const answerValidator = createValidator(Type.Object({ id: Type.String(), instance: Type.String() }))

export interface Answers {
  /** To be opened before it is said, and closed in any case. @param isAnswer what is not one does not count */
  open<T> (id: string, isAnswer: (value: unknown) => value is T): Gathering<T>
  /** Sends an answer to the instance that waits for it. A lost one shows there as incomplete. */
  give (to: string, id: string, answer: object): Promise<void>
}

export interface Gathering<T> {
  /** By instance. */
  readonly answers: ReadonlyMap<string, T>
  /** It was said, and so many instances have heard it: they and all that live are waited for. */
  heardBy (instances: number): void
  /** It could not be said: nobody is waited for. */
  giveUp (): void
  /** Resolves when all have answered, or when time is up. */
  readonly done: Promise<void>
  isComplete (): boolean
  /** Instances that live and have not answered. */
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
