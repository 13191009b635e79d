// Programs of another Debian suite, unpacked beside the system: nothing is installed. They run with the libraries of their suite.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const FOLDER = '.tap/debian'
const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg'
const LIBRARIES = ['usr/lib/x86_64-linux-gnu', 'usr/lib/aarch64-linux-gnu']
const LOADERS = ['usr/lib64/ld-linux-x86-64.so.2', 'usr/lib/ld-linux-aarch64.so.1']

/**
 * @param {string} suite `trixie`, `forky`, …
 * @param {string} name of the package, and of its program
 * @returns {string} path of a script that starts the program; `exec` keeps its pid
 * @throws {Error} if apt-get or dpkg fails
 */
export function programOf (suite, name) {
  const root = resolve(FOLDER, suite, name)
  if (!existsSync(root)) unpack(suite, name, root)
  const script = join(root, name)
  const loader = LOADERS.map(path => join(root, path)).find(existsSync)
  const program = ['usr/bin', 'usr/sbin'].map(folder => join(root, folder, name)).find(existsSync)
  writeFileSync(script, `#!/bin/sh\nexec ${loader} --library-path ${LIBRARIES.map(path => join(root, path)).join(':')} --argv0 ${name} ${program} "$@"\n`)
  chmodSync(script, 0o755)
  return script
}

function unpack (suite, name, root) {
  const apt = `${root}.apt`
  for (const folder of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(apt, folder), { recursive: true })
  writeFileSync(join(apt, 'sources.list'), `deb [signed-by=${KEYS}] ${repository()} ${suite} main\n`)
  const aptGet = (...args) => execFileSync('apt-get', [
    '-o', `Dir::Etc::sourcelist=${apt}/sources.list`, '-o', 'Dir::Etc::sourceparts=/dev/null', '-o', 'Dir::Etc::preferencesparts=/dev/null',
    '-o', `Dir::State::lists=${apt}/lists`, '-o', `Dir::Cache=${apt}/cache`, '-o', 'APT::Sandbox::User=root',
    // As if nothing were installed: all libraries come too.
    '-o', 'Dir::State::status=/dev/null', '-qq', '--no-install-recommends', ...args
  ], { stdio: ['ignore', 'ignore', 'inherit'] })
  aptGet('update')
  aptGet('install', '--yes', '--download-only', name)

  const whole = `${root}.part`
  rmSync(whole, { recursive: true, force: true })
  const packages = join(apt, 'cache/archives')
  for (const file of readdirSync(packages).filter(file => file.endsWith('.deb'))) execFileSync('dpkg-deb', ['--extract', join(packages, file), whole])
  rmSync(apt, { recursive: true })
  mkdirSync(dirname(root), { recursive: true })
  renameSync(whole, root)
}

/** Where this Debian gets its own packages from. */
function repository () {
  const told = execFileSync('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Component: main'], { encoding: 'utf8' })
  const uri = told.split('\n').find(uri => uri.endsWith('/debian/'))
  if (uri === undefined) throw new Error('apt has no sources of Debian')
  return uri
}
