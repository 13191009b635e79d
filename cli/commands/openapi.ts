import { defineCommand } from '../command.ts'
import { readDocument } from '../offline.ts'

export default defineCommand({
  summary: 'Prints the description of the HTTP side, as OpenAPI.',
  async run () { console.log(await readDocument('/openapi.json')) }
})
