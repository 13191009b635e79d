// The table of codes: each with status and message, each in the documents; and no other way out for an error.
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'tap'
import { errorCodes, RoomcastError, toRoomcastError, type ErrorCode } from '../../services/wire/errors.ts'
import { Settings } from '../../services/settings.ts'
import { pathOf } from '../helpers/paths.ts'

const codes = Object.keys(errorCodes) as ErrorCode[]

test('every code has the form component/what, a status of an error, and a message that says what to do', async t => {
  for (const code of codes) {
    const { status, message, retryable } = errorCodes[code]
    t.match(code, /^[a-z]+\/[a-z]+(-[a-z]+)*$/)
    t.ok(status >= 400 && status <= 599, code)
    t.match(message, /^[A-Z].*: [a-z].*\.$/, `${code}: after the colon stands what to do`)
    t.type(retryable, 'boolean')
    if (status === 429 || status === 503) t.ok(retryable, `${code} comes with Retry-After`)
    if (code.startsWith('limit/')) t.ok([429, 503].includes(status), code)
  }
})

test('an error carries what its code stands for', async t => {
  const error = new RoomcastError('publish/payload-too-large')
  t.match(error, { code: 'publish/payload-too-large', name: 'PayloadTooLargeError', status: 413, retryable: false, message: errorCodes['publish/payload-too-large'].message })
  t.strictSame(new RoomcastError('broker/timeout', 'Other words.').toBody(), { code: 'broker/timeout', name: 'TimeoutError', message: 'Other words.', retryable: true })
  t.equal(new Set(codes.map(code => `${code.split('/')[0]} ${new RoomcastError(code).name}`)).size, codes.length)
})

test('a foreign error reveals nothing about the inside', async t => {
  for (const thrown of [new Error('password of 10.0.0.1'), 'text', null, undefined, { code: 'auth/forbidden' }]) {
    const error = toRoomcastError(thrown)
    t.strictSame(error.toBody(), { code: 'server/internal', name: 'InternalError', message: errorCodes['server/internal'].message, retryable: true })
    t.equal(error.cause, thrown)
  }
  const known = new RoomcastError('auth/forbidden')
  t.equal(toRoomcastError(known), known)
})

test('every error code and every setting is documented', async t => {
  const text = await documents()
  const missing = [...codes, ...Object.keys(Settings.properties)].filter(name => !text.includes(`\`${name}\``))
  t.strictSame(missing, [])
})

async function documents (): Promise<string> {
  const names = await readdir(pathOf())
  const docs = names.includes('docs') ? (await readdir(pathOf('docs'))).map(name => `docs/${name}`) : []
  const files = [...names.filter(name => name === 'README.md'), ...docs.filter(name => name.endsWith('.md'))]
  return (await Promise.all(files.map(file => readFile(pathOf(file), 'utf8')))).join('\n')
}
