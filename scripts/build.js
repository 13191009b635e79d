// `npm run build` writes the service to dist/. With `--tests` the tests too, and only what has changed since last time.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { copyAssets } from './assets.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'))
const withTests = process.argv.includes('--tests')

if (!withTests) rmSync(`${root}dist`, { recursive: true, force: true })
const { status } = spawnSync(process.execPath, [tsc, '-p', withTests ? 'tsconfig.test.json' : 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
copyAssets()
process.exitCode = status ?? 1
