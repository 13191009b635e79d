// `npm run build` writes the client to client/dist/ and the service to dist/; `--tests`: with the tests; `--incremental`: only
// what has changed since last time.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { copyAssets } from './assets.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'))
const project = process.argv.includes('--tests') ? 'tsconfig.test.json' : 'tsconfig.build.json'

if (!process.argv.includes('--incremental')) for (const folder of ['dist', 'client/dist']) rmSync(`${root}${folder}`, { recursive: true, force: true })
const isBuilt = compile('client') && compile(project)
copyAssets()
process.exitCode = isBuilt ? 0 : 1

function compile (config) {
  return spawnSync(process.execPath, [tsc, '-p', config], { cwd: root, stdio: 'inherit' }).status === 0
}
