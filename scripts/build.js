// `npm run build` writes the service to dist/; `--tests`: with the tests; `--incremental`: only what has changed since last time.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { copyAssets } from './assets.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'))
const project = process.argv.includes('--tests') ? 'tsconfig.test.json' : 'tsconfig.build.json'

if (!process.argv.includes('--incremental')) rmSync(`${root}dist`, { recursive: true, force: true })
const { status } = spawnSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' })
copyAssets()
process.exitCode = status ?? 1
