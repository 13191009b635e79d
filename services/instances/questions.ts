// Questions to all instances. They are ephemeral messages in the commands room, like heartbeats, and are not stored.
import { randomUUID } from 'node:crypto'
import { Type, type Static } from '@sinclair/typebox'
import type { Answers } from './answers.ts'
import type { Broker } from '../broker/broker.ts'
import type { Commands } from './commands.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { parts, Question, type Parts } from '../wire/overview.ts'
import { COMMANDS_ROOM } from '../wire/rooms.ts'
import { createValidator } from '../wire/validation.ts'

const QUESTION_EVENT = 'question'
const AnswerMessage = Type.Object({ answer: Type.Unknown() })
const QuestionMessage = Type.Object({ id: Type.String(), question: Question })
const validators = { message: createValidator(QuestionMessage), answer: createValidator(AnswerMessage) }
const partValidators = {
  rooms: createValidator(parts.rooms), room: createValidator(parts.room), sessions: createValidator(parts.sessions), instance: createValidator(parts.instance)
}

export interface Gathered<T> {
  answers: Array<T & { instance: string }>
  /** Every live instance has answered. */
  complete: boolean
  /** Live instances that did not answer. */
  silent: string[]
}

export interface Questions {
  /** Resolves within 1 s with the answers so far. The answer of this instance is always there, even without the broker. */
  ask<Ask extends Question['ask']> (question: Question & { ask: Ask }): Promise<Gathered<Parts[Ask]>>
}

export function createQuestions ({ broker, answers, commands, answerHere, metrics, log }: {
  broker: Broker
  answers: Answers
  commands: Commands
  answerHere: (question: Question) => Parts[Question['ask']]
  metrics: Metrics
  log: Log
}): Questions {
  commands.onSaid(QUESTION_EVENT, ({ payload, userId: from }) => {
    if (validators.message.accepts(payload)) void answers.give(from, payload.id, { answer: answerHere(payload.question) })
    else metrics.dropped.inc({ reason: 'garbage' })
  })

  async function say (message: Static<typeof QuestionMessage>): Promise<number> {
    const receipt = await broker.publishEphemeral({
      room: COMMANDS_ROOM, event: QUESTION_EVENT, payloadJson: JSON.stringify(message), userId: broker.instance, sub: broker.instance
    })
    return receipt.instances
  }

  return {
    async ask<Ask extends Question['ask']> (question: Question & { ask: Ask }) {
      const id = randomUUID()
      const isAnswer = (value: unknown): value is { answer: Parts[Ask] } =>
        validators.answer.accepts(value) && partValidators[question.ask].accepts(value.answer)
      const gathering = answers.open(id, isAnswer)
      try {
        say({ id, question }).then(gathering.heardBy, (error: Error) => {
          log.debug({ err: error.message }, 'a question was not sent; only this instance answers')
          gathering.giveUp()
        })
        await gathering.done
        const given = new Map(gathering.answers)
        if (!given.has(broker.instance)) given.set(broker.instance, { answer: answerHere(question) as Parts[Ask] })
        return {
          answers: [...given].map(([instance, { answer }]) => ({ ...answer, instance })),
          complete: gathering.isComplete(),
          silent: gathering.silent().filter(instance => instance !== broker.instance)
        }
      } finally {
        gathering.close()
      }
    }
  }
}
