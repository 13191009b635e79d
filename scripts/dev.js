// `npm run dev`: the service with a readable log. After a change, it builds the changed files and restarts.
// Settings come from the environment, and from `.env` if it exists.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import pretty from 'pino-pretty'
import { assets, copyAssets } from './assets.js'

// A restart must not wait for a hanging request.
const defaults = { CLOSE_TIMEOUT_MS: '1000' }

// CommonJS: import() would take seconds to find its names.
const ts = createRequire(import.meta.url)('typescript')
const log = pretty({ sync: true })
if (existsSync('.env')) process.loadEnvFile('.env')

let service
let restarting = Promise.resolve()

ts.createWatchProgram(ts.createWatchCompilerHost(
  'tsconfig.test.json', undefined, ts.sys, ts.createEmitAndSemanticDiagnosticsBuilderProgram, undefined, onBuilt
))
for (const asset of assets) ts.sys.watchDirectory(asset, restart, true)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { restarting = restarting.then(stop).then(() => process.exit(0)) })
process.once('exit', () => service?.kill())

/** The compiler reports its start, without a number of errors, and its end. */
function onBuilt (diagnostic, newLine, options, errors) {
  console.log(ts.flattenDiagnosticMessageText(diagnostic.messageText, newLine))
  if (errors === 0) restart()
}

function restart () {
  restarting = restarting.then(async () => {
    await stop()
    copyAssets()
    service = spawn(process.execPath, ['--enable-source-maps', 'dist/server.js'], {
      env: { ...defaults, ...process.env }, stdio: ['ignore', 'pipe', 'inherit']
    })
    service.stdout.pipe(log, { end: false })
  })
}

async function stop () {
  if (service === undefined || service.exitCode !== null || service.signalCode !== null) return
  service.kill('SIGTERM')
  await once(service, 'exit')
}
