// Refuses dependencies older than the first release without their known vulnerabilities, in every copy of the tree.
import { readFileSync } from 'node:fs'

const lowest = {
  'engine.io': '6.6.10',
  'socket.io': '4.8.0',
  'socket.io-parser': '4.2.7',
  ws: '8.21.0',
  fastify: '5.12.2',
  'fast-jwt': '6.3.4',
  '@fastify/jwt': '10.2.3'
}

const lockFile = new URL('../package-lock.json', import.meta.url)
const copies = Object.entries(JSON.parse(readFileSync(lockFile, 'utf8')).packages)
const problems = Object.entries(lowest).flatMap(([name, minimum]) => problemsOf(name, minimum))

for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0

function problemsOf (name, minimum) {
  const installed = copies.filter(([path]) => path.endsWith(`node_modules/${name}`))
  if (installed.length === 0) return [`${name} is not in package-lock.json`]
  return installed
    .filter(([, { version }]) => isOlder(version, minimum))
    .map(([path, { version }]) => `${path} is ${version}, at least ${minimum} is needed`)
}

function isOlder (version, minimum) {
  const [a, b] = [version, minimum].map(text => text.split(/[.+-]/, 3).map(Number))
  const part = a.findIndex((number, i) => number !== b[i])
  return part !== -1 && a[part] < b[part]
}
