import { defineCommand } from '../command.ts'

export default defineCommand({
  summary: 'Starts the service. Its settings come from the environment; see `roomcast check`.',
  // Importing the module runs the process. It exports nothing.
  run: async () => await import(new URL('../../server.js', import.meta.url).href)
})
