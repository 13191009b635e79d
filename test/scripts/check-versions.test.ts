// What is installed has no known holes, and runs on every Node.js version that package.json names.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { pathOf } from '../helpers/paths.ts'

interface Lock { packages: Record<string, { version: string, engines?: { node: string } }> }

const check = async (file: string) => await promisify(execFile)(process.execPath, [pathOf('scripts/check-versions.js'), file])

test('this lock file is accepted; an old copy, and a package for newer versions of Node.js alone, are each named', async t => {
  const lock = JSON.parse(await readFile(pathOf('package-lock.json'), 'utf8')) as Lock
  await t.resolves(check(pathOf('package-lock.json')))

  lock.packages['node_modules/engine.io/node_modules/ws'] = { version: '8.20.9' }
  lock.packages['node_modules/cookie-of-tomorrow'] = { version: '2.0.2', engines: { node: '>=22' } }
  lock.packages['node_modules/for-all'] = { version: '1.0.0', engines: { node: '>= 0.6' } }
  const file = join(t.testdir({}), 'package-lock.json')
  await writeFile(file, JSON.stringify(lock))
  await t.rejects(check(file), {
    code: 1,
    stderr: /^node_modules\/engine\.io\/node_modules\/ws is 8\.20\.9, at least [\d.]+ is needed\nnode_modules\/cookie-of-tomorrow 2\.0\.2 needs Node\.js >=22[^\n]*\n$/
  })
})
