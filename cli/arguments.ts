// Arguments that several commands take.
import { readFileSync } from 'node:fs'
import { Id, type StreamPosition } from '../services/wire/protocol.ts'
import { roomName, type RoomName } from '../services/wire/rooms.ts'
import { checker } from '../services/wire/validation.ts'
import { CommandError } from './command.ts'

/** @throws CommandError */
export function readRoom (text: string): RoomName {
  const ids = text.split('/')
  if (ids.length !== 2 || !ids.every(id => checker(Id).Check(id))) {
    throw new CommandError(`${JSON.stringify(text)} is no room: it should be WORKSPACE/APP, as acme/board-1`)
  }
  return roomName(text)
}

/** `EPOCH:OFFSET`, as `roomcast tail` prints it. @throws CommandError */
export function readPosition (text: string): StreamPosition {
  const [, epoch, offset] = /^(.+):(\d{1,15})$/.exec(text) ?? []
  if (epoch === undefined) throw new CommandError(`--since ${text} should be EPOCH:OFFSET, as tail prints it when it ends`)
  return { epoch, offset: Number(offset) }
}

/** The argument itself, or where it is `-` what comes on the standard input: that shows in no list of processes. */
export function readText (argument: string): string {
  return (argument === '-' ? readFileSync(0, 'utf8') : argument).trim()
}
