// `npm test [-- FILE…]`: tools, versions, lint, build, then all tests or the named ones. The last line counts assertions.
// `npm run test:quick`: the tests of the services, and one round through two instances.
// `npm run test:one -- FILE…`: builds what has changed, and shows the output of these files immediately.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { runFiles } from './test-files.js'

const names = process.argv.slice(2).filter(name => !name.startsWith('--'))
const isQuick = process.argv.includes('--quick')
const isOne = process.argv.includes('--one')

/** Tests mostly wait for leases, deadlines and failovers. More files would compete for the two cores. */
const JOBS = 3

/** The folders that mirror services/, without faults, attacks, browser tests, and files that take long. */
const QUICK = /^test\/(?!faults|security|client|cli\/|bench|scripts|broker\/redis-errors|instances\/overview)[^/]+\/|^test\/(round|settings)\.test\.ts$/

const tools = ['node', 'scripts/system-tools.js']
const versions = ['node', 'scripts/check-versions.js']
const lint = ['npm', 'run', '--silent', 'lint']
// Also checks the types. All tests run what a fresh clone would build.
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
