// `npm run build` writes the client to client/dist/ and the service to dist/. `--tests` includes the tests; `--incremental`
// builds only changes; `--if-changed` does nothing unless a source has changed.
import { spawnSync } from 'node:child_process'
import { chmodSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { copyAssets } from './assets.js'
import { forgetSources, isBuilt, listSources, rememberSources } from './sources.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const has = flag => process.argv.includes(flag)

if (!has('--if-changed') || !isBuilt()) await build()

async function build () {
  const sources = listSources()
  forgetSources()
  if (!has('--incremental') && !has('--if-changed')) {
    for (const folder of ['dist', 'client/dist']) rmSync(`${root}${folder}`, { recursive: true, force: true })
  }
  if (!compile('client') || !compile(has('--tests') ? 'tsconfig.test.json' : 'tsconfig.build.json')) {
    process.exitCode = 1
    return
  }
  // Loaded only here, so that nothing waits for it if nothing has changed.
  const { writeBundles } = await import('./bundles.js')
  await writeBundles()
  copyAssets()
  chmodSync(`${root}dist/cli/roomcast.js`, 0o755)
  rememberSources(sources)
}

function compile (project) {
  const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'))
  return spawnSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' }).status === 0
}
