import { defineCommand } from '../command.ts'
import { readDocument } from '../offline.ts'

export default defineCommand({
  summary: 'Prints the description of the socket side, as AsyncAPI.',
  async run () { console.log(await readDocument('/asyncapi.json')) }
})
