// The client as it is shipped: small, free of server code, and its types catch what would fail at run time.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { test, type Test } from 'tap'
import ts from 'typescript'
import { pathOf } from '../helpers/paths.ts'

const MAX_BYTES = 3000

test('under 3 kB gzipped without socket.io-client, and nothing of the server in it', async t => {
  const { outputFiles, metafile } = await build({
    entryPoints: [pathOf('client/index.ts')],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    external: ['socket.io-client'],
    metafile: true,
    write: false
  })
  const bytes = gzipSync(outputFiles[0]?.contents ?? '').length
  t.ok(bytes < MAX_BYTES, `${bytes} bytes`)
  const outside = Object.keys(metafile.inputs).filter(file => !/(^|\/)client\/[a-z]+\.ts$/.test(file))
  t.strictSame(outside, [])
})

/** What goes between the first lines and the last of a program, and the errors of the compiler on it. */
const good = `
room.on('CARD_MOVED', ({ payload, offset, userId }) => { const column: number = payload.column; show(column, offset, userId) })
room.on('UPDATE_APP', ({ payload }) => { const name: string = payload.displayName; show(name) })
room.on('update', update => { if (update.event === 'CARD_MOVED') show(update.payload.card) })
room.on('reset', ({ position }) => show(position.epoch, position.offset))
room.on('presence', ({ collaborators, joined, count }) => show(collaborators[0]?.color, joined, count))
room.publish('CARD_MOVED', { card: 'c1', column: 2 }, { id: 'mine' }).then(({ offset }) => show(offset))
client.on('status', status => { if (status === 'closed') client.connect() })
client.room('acme', 'board-1').on('WHATEVER', ({ payload }) => { const any: unknown = payload; show(any) })
`
const wrong: Array<[what: string, snippet: string, code: number, message: RegExp]> = [
  ['an event that is not in the map', "room.on('CARD_MOVE', () => {})", 2345, /"CARD_MOVE"' is not assignable to parameter of type/],
  ['publishing such an event', "void room.publish('CARD_MOVE', {})", 2345, /"CARD_MOVE"' is not assignable/],
  ['a payload of the wrong type', "void room.publish('CARD_MOVED', { card: 'c1', column: 'two' })", 2322, /'string' is not assignable to type 'number'/],
  ['a payload that lacks a part', "void room.publish('CARD_MOVED', { card: 'c1' })", 2345, /Property 'column' is missing/],
  ['a part that the payload does not have', "room.on('CARD_MOVED', ({ payload }) => show(payload.colour))", 2339, /'colour' does not exist/],
  ['a part that the service does not send', "room.on('presence', ({ people }) => show(people))", 2339, /'people' does not exist/],
  ['an event of the client that there is not', "client.on('state', () => {})", 2345, /"state"' is not assignable/],
  ['an unknown option of publish', "void room.publish('CARD_MOVED', { card: 'c1', column: 1 }, { volatile: true })", 2353, /'volatile' does not exist/],
  ['a client without a token', "createClient('/', {})", 2345, /Property 'token' is missing/],
  ['an untyped payload used as if it were known', "client.room('a', 'b').on('N', ({ payload }) => show(payload.x))", 18046, /is of type 'unknown'/]
]

test('a program that uses the client rightly compiles; each wrong one does not, for its own reason', async t => {
  const results = await compile(t, [good, ...wrong.map(([, snippet]) => snippet)])
  t.strictSame(results[0], [])
  wrong.forEach(([what, , code, message], i) => {
    const errors = results[i + 1] ?? []
    t.equal(errors.length, 1, what)
    t.equal(errors[0]?.code, code, `${what}: ${errors[0]?.text}`)
    t.match(errors[0]?.text, message)
  })
})

/** As an app compiles: against the published types in dist, through the name of the package. */
async function compile (t: Test, snippets: string[]): Promise<Array<Array<{ code: number, text: string }>>> {
  const dir = await mkdtemp(join(tmpdir(), 'roomcast-types-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const files = await Promise.all(snippets.map(async (snippet, i) => {
    const file = join(dir, `app-${i}.ts`)
    await writeFile(file, `
import { createClient, type AppEvents } from 'roomcast/client'
const client = createClient('/', { token: () => 'token' })
interface Cards { CARD_MOVED: { card: string, column: number } }
const room = client.room<Cards & AppEvents>('acme', 'board-1')
function show (...what: unknown[]) { console.log(room, ...what) }
${snippet}
`)
    return file
  }))
  const program = ts.createProgram(files, {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    types: [],
    paths: { 'roomcast/client': [pathOf('dist/client/index.d.ts')] }
  })
  return files.map(file => {
    const source = program.getSourceFile(file)
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(({ code, messageText }) => (
      { code, text: ts.flattenDiagnosticMessageText(messageText, '\n') }
    ))
  })
}
