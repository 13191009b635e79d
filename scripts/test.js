// `npm test`: tools, versions, lint, types, build and all tests; the last line counts the assertions.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Parser } from 'tap-parser'

const only = process.argv.slice(2)

const isPrepared = [
  ['node', 'scripts/system-tools.js'],
  ['node', 'scripts/check-versions.js'],
  ['npm', 'run', 'lint'],
  ['npm', 'run', 'check'],
  ['npm', 'run', 'build']
].every(run)

const { passed, failed, skipped } = isPrepared ? await runTests() : { passed: 0, failed: 1, skipped: 0 }
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed > 0 || skipped > 0 ? 1 : 0

function run ([command, ...args]) {
  console.log(`\n> ${command} ${args.join(' ')}`)
  return spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0
}

async function runTests () {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const parser = new Parser()
  parser.on('result', ({ ok, skip, todo, diag }) => {
    // With fail-skip and fail-todo, tap reports those as failures, with the reason in the diagnostics.
    const isSkipped = skip || todo || diag?.failedSkip || diag?.failedTodo
    counts[isSkipped ? 'skipped' : ok ? 'passed' : 'failed']++
  })

  const tap = spawn('npx', ['tap', '--reporter=tap', ...only], { stdio: ['ignore', 'pipe', 'inherit'] })
  tap.stdout.pipe(parser)
  tap.stdout.pipe(process.stdout)
  const [exitCode] = await once(tap, 'close')

  // A run that tap calls failed is never reported as clean, whatever the counts say; and no tests are no success.
  if (counts.failed + counts.skipped === 0 && (exitCode !== 0 || counts.passed === 0)) counts.failed = 1
  return counts
}
