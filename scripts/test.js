// `npm test [-- FILE…]`: tools, versions, lint, build, all tests or those named. The last line counts the assertions.
// `npm run test:quick`: the tests of the services, and one round through two instances.
// `npm run test:one -- FILE…`: builds what has changed, and shows the output of these files as it comes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { runFiles } from './test-files.js'

const names = process.argv.slice(2).filter(name => !name.startsWith('--'))
const isQuick = process.argv.includes('--quick')
const isOne = process.argv.includes('--one')

/** Most of a test's time is waiting, for leases, deadlines and failovers. More files would compete for the two cores. */
const JOBS = 3

/** The folders that mirror services/, and scripts; neither faults nor attacks, nor what needs a browser. */
const QUICK = /^test\/(?!faults|security|client|cli\/)[^/]+\/|^test\/(round|settings)\.test\.ts$/

const tools = ['node', 'scripts/system-tools.js']
const versions = ['node', 'scripts/check-versions.js']
const lint = ['npm', 'run', '--silent', 'lint']
// Checks the types too. All tests see what a fresh clone builds.
const build = ['node', 'scripts/build.js', '--tests', ...isQuick || isOne ? ['--incremental'] : []]

const isPrepared = isOne
  ? await run(build)
  : await run(tools) && await run(versions) && (await Promise.all([run(lint), run(build)])).every(Boolean)

const { passed, failed, skipped } = isPrepared
  ? await runFiles(filesToRun(), { jobs: isOne ? 1 : JOBS, isVerbose: isOne })
  : { passed: 0, failed: 1, skipped: 0 }
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed > 0 || skipped > 0 ? 1 : 0

async function run ([command, ...args]) {
  console.log(`> ${command} ${args.join(' ')}`)
  const [code] = await once(spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] }), 'close')
  return code === 0
}

function filesToRun () {
  if (names.length > 0) return names
  const all = readdirSync('test', { recursive: true }).map(name => `test/${name}`).filter(name => name.endsWith('.test.ts')).sort()
  return isQuick ? all.filter(name => QUICK.test(name)) : all
}
