// Writes the generated tables of docs/protocol.md from the build; with --check, fails if they are stale.
import { readFileSync, writeFileSync } from 'node:fs'
import { createAsyncApi } from '../dist/services/documents/asyncapi.js'
import { messageAt } from '../dist/services/documents/asyncapi-page.js'
import { fieldsOf } from '../dist/services/documents/fields.js'
import { errorCodes } from '../dist/services/wire/errors.js'
import { readSettings } from '../dist/services/settings/read.js'

const document = createAsyncApi(readSettings({ NODE_ENV: 'test' }))
const tables = { 'client-events': clientEvents, 'server-events': serverEvents, 'error-codes': errors }
const isCheck = process.argv.includes('--check')

const file = new URL('../docs/protocol.md', import.meta.url)
const before = readFileSync(file, 'utf8')
const after = before.replaceAll(/(<!-- generated: ([\w-]+) -->\n)[\s\S]*?(<!-- end -->)/g, (_, start, name, end) => `${start}${tables[name]()}\n${end}`)
if (!isCheck) {
  writeFileSync(file, after)
} else if (before !== after) {
  console.error('docs/protocol.md is stale: run "npm run docs"')
  process.exitCode = 1
}

function clientEvents () {
  return Object.entries(document.operations).filter(([, { action }]) => action === 'receive').map(([id, { summary, channel, messages, reply }]) => {
    const [request] = messages.map(({ $ref }) => messageAt(document, $ref))
    const [answered, refused] = reply.messages.map(({ $ref }) => messageAt(document, $ref))
    return [
      `### ${id}`, '', summary, '',
      `Event \`${addressOf(channel)}\`, data:`, '', fields(request.payload), '',
      'For example:', '', json(request.examples[0].payload), '',
      'Answer:', '', json(answered.examples[0].payload), '',
      `Refused with: ${refused.examples.map(({ name }) => `\`${name}\``).join(', ')}.`
    ].join('\n')
  }).join('\n\n')
}

function serverEvents () {
  return Object.values(document.operations).filter(({ action, channel }) => action === 'send' && addressOf(channel) !== 'application_response').map(({ summary, channel, messages }) => {
    const [message] = messages.map(({ $ref }) => messageAt(document, $ref))
    const second = message['x-second-argument']
    return [
      `### \`${addressOf(channel)}\``, '', summary, '', fields(message.payload), '', json(message.examples[0].payload),
      ...second === undefined ? [] : ['', `Second argument, unless the client wants none: ${second.description}, for example \`"${second.examples[0]}"\`.`]
    ].join('\n')
  }).join('\n\n')
}

function errors () {
  return table(['code', 'HTTP status', 'can succeed later', 'message'],
    Object.entries(errorCodes).map(([code, { status, retryable, message }]) => [`\`${code}\``, status, retryable ? 'yes' : 'no', message]))
}

function fields (schema) {
  return table(['field', 'type', 'always', 'what'], fieldsOf(schema).map(({ name, type, isAlways, what }) => [`\`${name}\``, type, isAlways ? 'yes' : 'no', what]))
}

function addressOf ({ $ref }) {
  return document.channels[$ref.split('/').at(-1)].address
}

function table (head, rows) {
  const line = cells => `| ${cells.map(cell => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function json (value) {
  return `\`\`\`json\n${JSON.stringify(value, undefined, 2)}\n\`\`\``
}
