// Writes the README's table of faults from docs/faults.md; with --check, fails if it is stale.
import { readFileSync, writeFileSync } from 'node:fs'

const SERVICES = ['Roomcast', 'redis-adapter', 'redis-streams-adapter + recovery']
const isCheck = process.argv.includes('--check')

const page = readFileSync(new URL('../docs/faults.md', import.meta.url), 'utf8')
const rows = page.split('\n').filter(line => /^\| /.test(line)).map(line => line.split('|').slice(1, -1).map(cell => cell.trim()))
const [head, , ...runs] = rows
const column = name => head.indexOf(name)
const faults = [...new Set(runs.map(([fault]) => fault))]

const readme = new URL('../README.md', import.meta.url)
const before = readFileSync(readme, 'utf8')
const after = before.replace(/(<!-- faults -->\n)[\s\S]*?(<!-- \/faults -->)/, (_, start, end) => `${start}${table()}\n${end}`)
if (!isCheck) {
  writeFileSync(readme, after)
} else if (before !== after) {
  console.error('README.md is stale: run "npm run docs"')
  process.exitCode = 1
}

function table () {
  return [
    '| fault | Roomcast | Socket.IO, Redis adapter | Socket.IO, Streams adapter and state recovery |',
    '| --- | --- | --- | --- |',
    ...faults.map(fault => `| ${fault} | ${SERVICES.map(service => outcome(runs.find(run => run[0] === fault && run[1] === service))).join(' | ')} |`)
  ].join('\n')
}

function outcome (run) {
  const counts = ['lost', 'told', 'repeated', 'out of order']
    .filter(name => run[column(name)] !== '0')
    .map(name => `${run[column(name)]} ${name === 'told' ? 'to be reloaded' : name}`)
  return counts.length === 0 ? 'nothing' : counts.join(', ')
}
