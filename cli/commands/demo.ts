import { defineCommand } from '../command.ts'

export default defineCommand({
  summary: 'Starts Redis, three instances and nginx on this machine, and prints a link to the playground.',
  notes: '  Needs redis-server and nginx. DEMO_PORT and DEMO_INTERNAL_PORT set the ports; defaults: 8080 and 8081.',
  run: async () => await import(new URL('../../../scripts/demo.js', import.meta.url).href)
})
