// Arguments shared by several commands.
import { readFileSync } from 'node:fs'
import { Id, type StreamPosition } from '../services/wire/protocol.ts'
import { roomName, type RoomName } from '../services/wire/rooms.ts'
import { createValidator } from '../services/wire/validation.ts'
import { CommandError } from './command.ts'

const idValidator = createValidator(Id)

/** @throws CommandError */
export function readRoom (text: string): RoomName {
  const ids = text.split('/')
  if (ids.length !== 2 || !ids.every(idValidator.accepts)) {
    throw new CommandError(`${JSON.stringify(text)} is not a room: it should be WORKSPACE/APP, for example acme/board-1`)
  }
  return roomName(text)
}

/** `EPOCH:OFFSET`, as `roomcast tail` prints it. @throws CommandError */
export function readPosition (text: string): StreamPosition {
  const [, epoch, offset] = /^(.+):(\d{1,15})$/.exec(text) ?? []
  if (epoch === undefined) throw new CommandError(`--since ${text} should be EPOCH:OFFSET, as printed by tail when it ends`)
  return { epoch, offset: Number(offset) }
}

/** The argument, or standard input if it is `-`. Standard input is not visible in a process list. */
export function readText (argument: string): string {
  return (argument === '-' ? readFileSync(0, 'utf8') : argument).trim()
}
