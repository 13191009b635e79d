import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CommandError, defineCommand } from '../command.ts'

export default defineCommand({
  summary: 'Starts Redis, three instances and nginx on this machine, and prints a link to the playground.',
  notes: '  Needs redis-server and nginx; with prometheus installed, metrics and alerts too.\n  DEMO_PORT, DEMO_INTERNAL_PORT and DEMO_PROMETHEUS_PORT set the ports; defaults: 8080, 8081 and 9090.',
  async run () {
    const demo = new URL('../../../scripts/demo.js', import.meta.url)
    if (!existsSync(fileURLToPath(demo))) throw new CommandError('the demo is not part of the image: run it from the package, npx roomcast demo')
    await import(demo.href)
  }
})
