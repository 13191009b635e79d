// `npm run build` writes the service to dist/. `--tests`: with the tests; `--incremental`: only what has changed since last time;
// `--if-changed`: nothing at all, unless a source has changed.
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
  if (!has('--incremental') && !has('--if-changed')) rmSync(`${root}dist`, { recursive: true, force: true })
  if (!compile(has('--tests') ? 'tsconfig.test.json' : 'tsconfig.build.json')) {
    process.exitCode = 1
    return
  }
  // Loaded only here: where nothing has changed, nothing waits for it.
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
