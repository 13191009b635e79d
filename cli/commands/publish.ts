import { randomUUID } from 'node:crypto'
import type { Receipt } from '../../services/wire/protocol.ts'
import { readRoom, readText } from '../arguments.ts'
import { CommandError, defineCommand } from '../command.ts'
import { ask, readService, serviceOptions } from '../service.ts'

export default defineCommand({
  summary: 'Publishes an update into a room, and prints its receipt.',
  args: ['ROOM', 'EVENT', 'JSON'],
  options: {
    id: { type: 'string', value: 'ID', help: 'an update repeated with the same id is published once' },
    ephemeral: { type: 'boolean', help: 'the update is not stored and has no offset' },
    ...serviceOptions
  },
  notes: "  roomcast publish acme/board-1 CARD_MOVED '{ \"card\": 7 }'    with - as JSON, it is read from standard input",
  async run ({ id = randomUUID(), ephemeral = false, ...service }, [room = '', event, json = '']) {
    const update = { ...readRoom(room), event, payload: readJson(readText(json)), id, ephemeral }
    try {
      console.log(JSON.stringify(await ask<Receipt>(readService(service), 'POST', '/api/v1/publish', update)))
    } catch (error) {
      if (!(error instanceof CommandError && error.isRetryable)) throw error
      throw new CommandError(`${error.message.replace(/\.$/, '')}; repeat it with --id ${id}, so that it is published only once`, { cause: error })
    }
  }
})

function readJson (text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new CommandError(`${JSON.stringify(text)} is not JSON: it should be like '{ "card": 7 }', and a text like '"done"', in quotes for the shell`, { cause: error })
  }
}
