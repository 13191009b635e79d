// Writes docs/tested-with.md from docs/tested-with.json, which `npm run matrix` wrote; with --check, fails if the page is stale.
import { readFileSync, writeFileSync } from 'node:fs'

const page = new URL('../docs/tested-with.md', import.meta.url)
const rows = JSON.parse(readFileSync(new URL('../docs/tested-with.json', import.meta.url), 'utf8'))
/** What was run for each kind. */
const lists = {
  'Redis, Valkey': 'the broker and the faults: kills, stops, failovers by Sentinel and in a cluster, moved slots, refusals, lost and older data. `test/broker/` and `test/faults/`, against real servers of that version.',
  nginx: '`deploy/nginx.conf` and `deploy/nginx-tls.conf` in front of three instances, lost answers, a rolling restart.',
  'Node.js': 'the services, and an update through two instances. CI runs all tests on Node.js 20, and the quick ones on 24.'
}
const text = `# Tested with

Written by \`npm run matrix\`: each row is what the tests showed with that program, and no number here was typed by hand. The servers are Debian's packages, Node.js is the npm package. Newer suites are unpacked, not installed. A file that fails runs once more when the others have ended; a run that was broken off is continued.

| program | version | from | test files passed | assertions | not run yet, or failed | on | Roomcast |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.map(({ kind, version, from, passed, missing, on, roomcast }) => `| ${[
  kind, version, from, `${Object.keys(passed).length} of ${Object.keys(passed).length + missing.length}`, sum(Object.values(passed)), missing.map(name => `\`${name}\``).join(', ') || 'none', on, roomcast
].join(' | ')} |`).join('\n')}

${Object.entries(lists).filter(([kinds]) => rows.some(({ kind }) => kinds.includes(kind))).map(([kinds, text]) => `- **${kinds}**: ${text}`).join('\n')}

Known holes are open in nginx before 1.30.2 and in Redis before 7.2.11, 7.4.6 and 8.2.2. A distribution may have mended them in an older version: look at its security notes, not only at the number.
`

if (!process.argv.includes('--check')) {
  writeFileSync(page, text)
} else if (readFileSync(page, 'utf8') !== text) {
  console.error('docs/tested-with.md is stale: run "npm run docs"')
  process.exitCode = 1
}

function sum (numbers) {
  return numbers.reduce((all, number) => all + number, 0)
}
