import { defineCommand } from '../command.ts'

export default defineCommand({
  summary: 'Starts Redis, three instances and nginx on this machine, and prints a link to the playground.',
  notes: '  redis-server and nginx should be installed. DEMO_PORT and DEMO_INTERNAL_PORT are the ports, 8080 and 8081 unless set.',
  run: async () => await import(new URL('../../../scripts/demo.js', import.meta.url).href)
})
