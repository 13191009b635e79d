// `npm run drills [-- --only part-of-an-alert]`: each alert once, on a demo that is broken for it.
import { parseArgs } from 'node:util'
import { runDrills } from './all.ts'

const { values: { only } } = parseArgs({ options: { only: { type: 'string', default: '' } } })
process.exit((await runDrills(only)).length > 0 ? 1 : 0)
