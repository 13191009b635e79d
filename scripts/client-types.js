// Writes client/src/wire.ts, the words of the wire as plain TypeScript, from the schemas in services/wire/: the client is a
// package of its own and knows no TypeBox. With --check, fails when the file is stale.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const { errorCodes, ...protocol } = await readSchemas()

const names = [
  'StreamPosition', 'Update', 'Collaborator', 'PresenceList', 'PresenceChange', 'SubscribeResult', 'Receipt', 'ErrorBody',
  'ApplicationResponse', 'Unsubscribed', 'TokenExpiring', 'Closing', 'Draining'
]
/** Schemas that are known by name where another one holds them. */
const named = new Map(names.map(name => [protocol[name], name]))

const text = [
  '// The words of the wire. Written by `npm run docs` from services/wire/: do not change it here.',
  '',
  `export type ErrorCode =\n${Object.keys(errorCodes).map(code => `  | '${code}'`).join('\n')}`,
  ...names.flatMap(name => ['', `${comment(protocol[name], '')}export interface ${name} ${body(protocol[name], '')}`]),
  ''
].join('\n')

const file = new URL('../client/src/wire.ts', import.meta.url)
if (!process.argv.includes('--check')) {
  writeFileSync(file, text)
} else if (readFileSync(file, 'utf8') !== text) {
  console.error('client/src/wire.ts is stale: run "npm run docs"')
  process.exitCode = 1
}

function body ({ properties, required = [] }, indent) {
  const inner = `${indent}  `
  const fields = Object.entries(properties).map(([name, schema]) =>
    `${comment(schema, inner)}${inner}${name}${required.includes(name) ? '' : '?'}: ${typeOf(schema, inner)}`)
  return ['{', ...fields, `${indent}}`].join('\n')
}

function typeOf (schema, indent) {
  if (named.has(schema)) return named.get(schema)
  const { anyOf, const: value, enum: values, type, items } = schema
  if (schema === protocol.ErrorBody.properties.code) return 'ErrorCode'
  if (value !== undefined) return `'${value}'`
  if (values !== undefined) return values.map(one => `'${one}'`).join(' | ')
  if (anyOf !== undefined) return anyOf.map(one => typeOf(one, indent)).join(' | ')
  if (type === 'array') return /^[\w]+$/.test(typeOf(items, indent)) ? `${typeOf(items, indent)}[]` : `Array<${typeOf(items, indent)}>`
  if (type === 'object') return body(schema, indent)
  return { string: 'string', integer: 'number', number: 'number', boolean: 'boolean', null: 'null' }[type] ?? 'unknown'
}

function comment ({ description }, indent) {
  return description === undefined ? '' : `${indent}/** ${description} */\n`
}

/** From the sources: the build needs the file that is written here. */
async function readSchemas () {
  const { outputFiles: [{ text }] } = await build({
    stdin: { contents: "export { errorCodes } from './errors.ts'; export * from './protocol.ts'", resolveDir: fileURLToPath(new URL('../services/wire', import.meta.url)) },
    bundle: true,
    format: 'esm',
    write: false
  })
  return await import(`data:text/javascript,${encodeURIComponent(text)}`)
}
