// What runs the tests: it counts what there is, and nothing but passed tests counts as clean.
import { execFile } from 'node:child_process'
import { readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { pathOf } from '../helpers/paths.ts'

const FILES = {
  'pass.test.js': "import { test } from 'tap'\ntest('two', async t => { t.ok(true); await t.test('inner', async t => { t.ok(true) }) })",
  'fail.test.js': "import { test } from 'tap'\ntest('one of two', async t => { t.ok(true); t.ok(false, 'this one') })",
  'skip.test.js': "import { test } from 'tap'\ntest('skipped', { skip: 'later' }, async t => { t.ok(true) })",
  'todo.test.js': "import { test } from 'tap'\ntest('to do', { todo: true }, async t => { t.ok(true) })",
  'none.test.js': 'console.log("TAP version 14\\n1..0")',
  'exit.test.js': "import { test } from 'tap'\ntest('passes', async t => { t.ok(true) })\nprocess.on('exit', () => { process.exitCode = 3 })",
  'killed.test.js': "import { test } from 'tap'\ntest('passes', async t => { t.ok(true); process.kill(process.pid, 'SIGKILL') })",
  'throws.test.js': "throw new Error('at once')"
}

test('failed, skipped, left to do, empty, ended badly or never begun: none is clean, and the output of each is kept', async t => {
  const dir = t.testdir({ dist: { test: FILES }, 'package.json': '{ "type": "module" }' })
  await symlink(pathOf('node_modules'), join(dir, 'node_modules'))
  const run = async (...names: string[]) => {
    const files = names.map(name => `test/${name}.test.ts`)
    const script = `import { runFiles } from ${JSON.stringify(pathOf('scripts/test-files.js'))}
      console.error(JSON.stringify(await runFiles(${JSON.stringify(files)}, { jobs: 2, isVerbose: false })))`
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: dir })
    return { counts: JSON.parse(stderr) as object, stdout }
  }

  t.strictSame((await run('pass')).counts, { passed: 2, failed: 0, skipped: 0 })
  const failed = await run('pass', 'fail')
  t.strictSame(failed.counts, { passed: 3, failed: 1, skipped: 0 })
  t.match(failed.stdout, /not ok +[\d.]+ s {2}test\/fail\.test\.ts/)
  t.match(failed.stdout, 'not ok 2 - this one', 'its output is shown')
  t.notMatch(failed.stdout, '# Subtest: two', 'that of a file that passed is not')
  t.match(await readFile(join(dir, '.tap/logs/test/pass.test.ts.tap'), 'utf8'), '# Subtest: two')

  for (const name of ['skip', 'todo']) t.strictSame((await run(name)).counts, { passed: 0, failed: 0, skipped: 1 }, name)
  for (const name of ['none', 'throws']) t.strictSame((await run(name)).counts, { passed: 0, failed: 1, skipped: 0 }, name)
  for (const name of ['exit', 'killed']) t.match((await run(name)).counts, { failed: 1 }, name)
})
