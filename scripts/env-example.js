// Writes .env.example and docs/settings.md from the schema in services/settings.ts (as built, so build first).
// `--check [folder]` writes nothing, and fails when a file differs from the schema.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Settings } from '../dist/services/settings.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const groups = readGroups()
const files = { '.env.example': envExample(), 'docs/settings.md': page() }

const [flag, folder = root] = process.argv.slice(2)
if (flag === '--check') check()
else write()

function check () {
  const different = Object.entries(files).filter(([name, text]) => read(join(folder, name)) !== text)
  for (const [name] of different) console.error(`${name} differs from services/settings.ts: npm run build && npm run settings`)
  process.exitCode = different.length > 0 ? 1 : 0
}

function write () {
  mkdirSync(join(root, 'docs'), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text)
}

function envExample () {
  return [
    '# Every setting with its default; an empty value counts as not set. Written by `npm run settings` from services/settings.ts.',
    ...groups.flatMap(({ title, names }) => [
      '', `# ── ${title} ${'─'.repeat(72 - title.length)}`,
      ...names.flatMap(name => ['', `# ${Settings.properties[name].description}`, `${name}=${Settings.properties[name].default}`])
    ]),
    ''
  ].join('\n')
}

function page () {
  return [
    '# Settings', '',
    'All come from the environment; an empty value counts as not set. What is wrong is told at start, all of it at once.', '',
    'This page is written by `npm run settings` from `services/settings.ts`.',
    ...groups.flatMap(({ title, names }) => ['', `## ${title}`, '', '| setting | default | |', '| --- | --- | --- |', ...names.map(row)]),
    ''
  ].join('\n')
}

function row (name) {
  const { default: value, description } = Settings.properties[name]
  return `| \`${name}\` | ${value === '' ? '' : `\`${value}\``} | ${description.replaceAll('|', '\\|')} |`
}

/** The comments between the settings are their headings; the built file keeps them. */
function readGroups () {
  const found = []
  for (const line of readFileSync(new URL('../dist/services/settings.js', import.meta.url), 'utf8').split('\n')) {
    const title = /^ {4}\/\/ (.+)$/.exec(line)?.[1]
    const name = /^ {4}([A-Z][A-Z0-9_]*):/.exec(line)?.[1]
    if (title !== undefined) found.push({ title, names: [] })
    if (name !== undefined && Object.hasOwn(Settings.properties, name)) found.at(-1).names.push(name)
  }
  const named = found.flatMap(({ names }) => names)
  const missing = Object.keys(Settings.properties).filter(name => !named.includes(name))
  if (missing.length > 0) throw new Error(`without a heading: ${missing.join(', ')}`)
  return found.filter(({ names }) => names.length > 0)
}

function read (file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}
