// The client as it is shipped: small, free of server code, and its types catch what would fail at run time.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { test, type Test } from 'tap'
import ts from 'typescript'
import { pathOf } from '../helpers/paths.ts'

const MAX_BYTES = 3000
const run = promisify(execFile)

async function bundleOf (entry: string, external: string[]): Promise<{ bytes: number, foreign: string[] }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [pathOf(`client/dist/${entry}`)],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    external,
    metafile: true,
    write: false
  })
  const foreign = Object.keys(metafile.inputs).filter(file => !/(^|\/)client\/dist\/[a-z/-]+\.js$/.test(file))
  return { bytes: gzipSync(outputFiles[0]?.contents ?? '').length, foreign }
}

test('under 3 kB gzipped without socket.io-client, and nothing of the server in it', async t => {
  const { bytes, foreign } = await bundleOf('index.js', ['socket.io-client'])
  t.ok(bytes < MAX_BYTES, `${bytes} bytes`)
  t.strictSame(foreign, [])
})

test('the publisher needs no other package, the hooks only React', async t => {
  for (const [entry, external] of [['publisher/index.js', []], ['react/index.js', ['react', 'socket.io-client']]] as const) {
    const { bytes, foreign } = await bundleOf(entry, [...external])
    t.strictSame(foreign, [])
    t.ok(bytes < 4000, `${entry}: ${bytes} bytes`)
  }
  t.match(await readFile(pathOf('client/dist/react/index.js'), 'utf8'), /^'use client'/)
})

test('a fresh app installs the package alone, without a complaint, and finds each of its parts', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'roomcast-app-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const npm = async (...args: string[]) => (await run('npm', args, { cwd: dir })).stdout
  // The build of this run: another would take it away from the tests beside this one.
  const [packed] = JSON.parse(await npm('pack', pathOf('client'), '--ignore-scripts', '--json')) as [{ filename: string, files: Array<{ path: string }> }]
  const other = packed.files.map(({ path }) => path).filter(path => !/^(dist\/[a-z/-]+\.(js|d\.ts|js\.map)|README\.md|LICENSE|package\.json)$/.test(path))
  t.strictSame(other, [])
  t.ok(['README.md', 'LICENSE'].every(name => packed.files.some(({ path }) => path === name)))

  for (const [tool, rest] of [['publint', ['--strict']], ['attw', ['--profile', 'esm-only']]] as const) {
    await t.resolves(run(pathOf(`node_modules/.bin/${tool}`), [packed.filename, ...rest], { cwd: dir }), tool)
  }

  await writeFile(join(dir, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }))
  await npm('install', `./${packed.filename}`, '--prefer-offline', '--no-audit', '--no-fund')
  await npm('ls', '--all')
  const installed = (await readdir(join(dir, 'node_modules'), { recursive: true })).filter(path => /(^|\/)(@[^/]+\/)?[^/@]+\/package\.json$/.test(path) && !/(build|dist|lib|debug)\//.test(path))
  t.ok(installed.length < 15, `${installed.length} packages`)
  t.notOk(installed.some(path => path.startsWith('react/')))
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', `
    const parts = [await import('@roomcast/client'), await import('@roomcast/client/publisher')]
    console.log(parts.map(part => Object.keys(part).join()).join(' '))
  `], { cwd: dir })
  t.equal(stdout.trim(), 'ClientError,createClient ClientError,createPublisher')
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
const goodHooks = `
const mounted = useRoom<Cards>('acme', 'board-1', { since: { epoch: 'e', offset: 1 } })
useEvent(mounted, 'CARD_MOVED', ({ payload }) => { const column: number = payload.column; show(column) })
useEvent(mounted, 'joined', ({ missed }) => show(missed))
useReset(mounted, ({ position }) => show(position.epoch))
usePublish(mounted)('CARD_MOVED', { card: 'c1', column: 2 }).then(({ offset }) => show(offset))
show(usePresence(mounted).collaborators[0]?.color, useStatus() === 'connected')
`
const goodPublisher = `
publisher.publish('acme/board-1', 'CARD_MOVED', { card: 'c1', column: 2 }, { id: 'row-1' }).then(({ offset }) => show(offset))
publisher.publishMany([{ workspaceId: 'acme', appId: 'board-1' }], 'CARD_MOVED', { card: 'c1', column: 2 }).then(results => show(results[0]?.data?.offset, results[0]?.error?.code))
publisher.flush().then(() => publisher.close({ timeoutMs: 1000 }))
`
const wrong: Array<[what: string, snippet: string, code: number, message: RegExp]> = [
  ['an event that is not in the map', "room.on('CARD_MOVE', () => {})", 2345, /"CARD_MOVE"' is not assignable to parameter of type/],
  ['publishing such an event', "void room.publish('CARD_MOVE', {})", 2345, /"CARD_MOVE"' is not assignable/],
  ['a payload of the wrong type', "void room.publish('CARD_MOVED', { card: 'c1', column: 'two' })", 2322, /'string' is not assignable to type 'number'/],
  ['a payload that lacks a part', "void room.publish('CARD_MOVED', { card: 'c1' })", 2345, /Property 'column' is missing/],
  ['a part that the payload does not have', "room.on('CARD_MOVED', ({ payload }) => show(payload.colour))", 2339, /'colour' does not exist/],
  ['a part that the service does not send', "room.on('presence', ({ people }) => show(people))", 2339, /'people' does not exist/],
  ['a state that is not given', 'room.setPresence()', 2554, /Expected 1 arguments/],
  ['an event of the client that there is not', "client.on('state', () => {})", 2345, /"state"' is not assignable/],
  ['an unknown option of publish', "void room.publish('CARD_MOVED', { card: 'c1', column: 1 }, { volatile: true })", 2353, /'volatile' does not exist/],
  ['a client without a token', "createClient('/', {})", 2345, /Property 'token' is missing/],
  ['a room of a component that is left by hand', "useRoom('a', 'b').leave()", 2339, /'leave' does not exist/],
  ['a hook for an event that is not in the map', "useEvent(useRoom<Cards>('a', 'b'), 'CARD_MOVE', () => {})", 2345, /"CARD_MOVE"' is not assignable/],
  ['a payload of the wrong type to a publisher', "void publisher.publish('a/b', 'CARD_MOVED', { card: 1, column: 2 })", 2322, /'number' is not assignable to type 'string'/],
  ['a room without its workspace', "void publisher.publish('board-1', 'CARD_MOVED', { card: 'c1', column: 2 })", 2345, /"board-1"' is not assignable/],
  ['an untyped payload used as if it were known', "client.room('a', 'b').on('N', ({ payload }) => show(payload.x))", 18046, /is of type 'unknown'/]
]

test('a program that uses the client rightly compiles; each wrong one does not, for its own reason', async t => {
  const results = await compile(t, [good + goodHooks + goodPublisher, ...wrong.map(([, snippet]) => snippet)])
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
import { createClient, type AppEvents } from '@roomcast/client'
import { createPublisher } from '@roomcast/client/publisher'
import { useEvent, usePresence, usePublish, useReset, useRoom, useStatus } from '@roomcast/client/react'
const client = createClient('/', { token: () => 'token' })
interface Cards { CARD_MOVED: { card: string, column: number } }
const room = client.room<Cards & AppEvents>('acme', 'board-1')
const publisher = createPublisher<Cards>('http://127.0.0.1', { token: 'token' })
function show (...what: unknown[]) { console.log(room, publisher, useEvent, usePresence, usePublish, useReset, useRoom, useStatus, ...what) }
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
    paths: { '@roomcast/client': [pathOf('client/dist/index.d.ts')], '@roomcast/client/*': [pathOf('client/dist/*/index.d.ts')] }
  })
  return files.map(file => {
    const source = program.getSourceFile(file)
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(({ code, messageText }) => (
      { code, text: ts.flattenDiagnosticMessageText(messageText, '\n') }
    ))
  })
}
