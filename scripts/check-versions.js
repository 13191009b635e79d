// Refuses, in every copy of the tree, dependencies with known vulnerabilities, and dependencies that do not support all
// Node.js versions that package.json allows. Takes another lock file as an argument.
import { readFileSync } from 'node:fs'
import semver from 'semver'

const lowest = {
  'engine.io': '6.6.10',
  'socket.io': '4.8.0',
  'socket.io-parser': '4.2.7',
  ws: '8.21.0',
  fastify: '5.12.2',
  'fast-jwt': '6.3.4',
  '@fastify/jwt': '10.2.3'
}

const lockFile = process.argv[2] ?? new URL('../package-lock.json', import.meta.url)
const { '': own, ...packages } = JSON.parse(readFileSync(lockFile, 'utf8')).packages
const copies = Object.entries(packages)
const problems = [
  ...Object.entries(lowest).flatMap(([name, minimum]) => vulnerable(name, minimum)),
  ...copies.filter(([, { engines }]) => !isAllowed(engines?.node)).map(([path, { version, engines }]) => (
    `${path} ${version} needs Node.js ${engines.node}: package.json allows ${own.engines.node}`
  ))
]

for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0

function vulnerable (name, minimum) {
  const installed = copies.filter(([path]) => path.endsWith(`node_modules/${name}`))
  if (installed.length === 0) return [`${name} is not in package-lock.json`]
  return installed
    .filter(([, { version }]) => semver.lt(version, minimum))
    .map(([path, { version }]) => `${path} is ${version}, at least ${minimum} is needed`)
}

function isAllowed (theirs = '*') {
  return semver.subset(own.engines.node, theirs)
}
