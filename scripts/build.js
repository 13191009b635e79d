// `npm run build` writes the client to client/dist/, and the service to dist/. With `--tests` the tests too, and only what has changed since last time.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { copyAssets } from './assets.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'))
const withTests = process.argv.includes('--tests')

if (!withTests) for (const folder of ['dist', 'client/dist']) rmSync(`${root}${folder}`, { recursive: true, force: true })
const isBuilt = compile('client') && compile(withTests ? 'tsconfig.test.json' : 'tsconfig.build.json')
copyAssets()
process.exitCode = isBuilt ? 0 : 1

function compile (project) {
  return spawnSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' }).status === 0
}
