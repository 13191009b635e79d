// .env.example and docs/settings.md say what the schema says.
import { execFile } from 'node:child_process'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { Settings } from '../../services/settings.ts'
import { readSettings } from '../../services/settings/read.ts'
import { pathOf } from '../helpers/paths.ts'

const run = promisify(execFile)
const check = async (...folder: string[]) => await run(process.execPath, [pathOf('scripts/env-example.js'), '--check', ...folder])

test('both files are as the schema has it', async t => {
  await t.resolves(check(), 'else: npm run build && npm run settings')
})

test('a file that differs is named', async t => {
  const folder = t.testdir({})
  await mkdir(join(folder, 'docs'))
  await copyFile(pathOf('docs/settings.md'), join(folder, 'docs/settings.md'))
  const example = await readFile(pathOf('.env.example'), 'utf8')
  await writeFile(join(folder, '.env.example'), example.replace('PORT=3000', 'PORT=3001'))
  await t.rejects(check(folder), { code: 1, stderr: /^\.env\.example differs[^\n]+\n$/ })
})

test('.env.example read as an environment gives every default', async t => {
  const lines = (await readFile(pathOf('.env.example'), 'utf8')).matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm)
  const env: Record<string, string> = Object.fromEntries([...lines].map(([, name, value]) => [name, value]))
  t.strictSame(Object.keys(env).sort(), Object.keys(Settings.properties).sort())
  t.strictSame(readSettings(env), readSettings({}))
})
