// `npm run build` writes the service to dist/. With `--tests` the tests too, and only what has changed since last time.
import { spawnSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Files that are read at run time, beside the compiled ones. */
const assets = ['playground']

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'))
const withTests = process.argv.includes('--tests')

// The record of an incremental build lies in dist/: they go together.
const options = withTests ? ['-p', 'tsconfig.json', '--incremental', '--tsBuildInfoFile', 'dist/.tsbuildinfo'] : ['-p', 'tsconfig.build.json']
if (!withTests) rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true })

const { status } = spawnSync(process.execPath, [tsc, ...options], { cwd: root, stdio: 'inherit' })
for (const asset of assets) cpSync(`${root}${asset}`, `${root}dist/${asset}`, { recursive: true })
process.exitCode = status ?? 1
