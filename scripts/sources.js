// Checks whether dist/ is up to date, by the names, times and sizes of all sources at the last build.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const record = join(root, 'dist/.sources')

/** Folders without sources of the service. */
const OTHERS = new Set(['.git', '.tap', '.ci', 'coverage', 'deploy', 'dist', 'docs', 'examples', 'node_modules', 'test'])

export function isBuilt () {
  try {
    return readFileSync(record, 'utf8') === listSources()
  } catch (error) {
    if (error.code === 'ENOENT') return false
    throw error
  }
}

/** @param {string} sources their state before the build, because one may have changed during it */
export function rememberSources (sources) {
  writeFileSync(record, sources)
}

/** Marks the build as invalid, in case it fails half-way. */
export function forgetSources () {
  rmSync(record, { force: true })
}

export function listSources (folder = '') {
  return readdirSync(join(root, folder), { withFileTypes: true }).sort((a, b) => a.name < b.name ? -1 : 1).map(entry => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return OTHERS.has(entry.name) ? '' : listSources(path)
    if (/^\.|\.md$/.test(entry.name)) return ''
    const { mtimeMs, size } = statSync(join(root, path))
    return `${path} ${mtimeMs} ${size}\n`
  }).join('')
}
