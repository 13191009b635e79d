import { defineCommand } from '../command.ts'

export default defineCommand({
  summary: 'Starts the service. Its settings come from the environment, see `roomcast check`.',
  // The module is the process itself, and exports nothing.
  run: async () => await import(new URL('../../server.js', import.meta.url).href)
})
