// `npm run build` and what `npm start` makes of it, on a small service in place of ours.
import { execFile } from 'node:child_process'
import { cp, mkdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { pathOf } from '../helpers/paths.ts'

const run = promisify(execFile)

test('a build that is up to date is left alone; one source changed, added or gone makes it old, and a failed build leaves none', async t => {
  const dir = t.testdir({ scripts: {}, cli: { 'roomcast.ts': 'export {}\n' }, client: { src: { 'index.ts': 'export {}\n' } }, plugins: {}, 'package.json': '{ "type": "module" }', 'server.ts': 'export const version = 1\n' })
  const parts = ['tsconfig.json', 'tsconfig.build.json', 'client/tsconfig.json', 'plugins/fastify-socket-io.ts', ...['build', 'bundles', 'sources', 'assets'].map(name => `scripts/${name}.js`)]
  for (const path of parts) await cp(pathOf(path), join(dir, path))
  const { assets } = await import(pathOf('scripts/assets.js')) as { assets: string[] }
  for (const asset of assets) await mkdir(join(dir, asset), { recursive: true })
  await symlink(pathOf('node_modules'), join(dir, 'node_modules'))
  const { isBuilt } = await import(join(dir, 'scripts/sources.js')) as { isBuilt: () => boolean }
  const build = async () => await run(process.execPath, ['scripts/build.js', '--if-changed'], { cwd: dir })
  const builtAt = async () => (await stat(join(dir, 'dist/cli/roomcast.js'))).mtimeMs

  t.notOk(isBuilt())
  await build()
  const first = await builtAt()
  await build()
  t.equal(await builtAt(), first, 'left alone')

  await writeFile(join(dir, 'playground/new.html'), '')
  t.notOk(isBuilt(), 'added')
  await rm(join(dir, 'playground/new.html'))
  t.ok(isBuilt())
  await utimes(join(dir, 'server.ts'), new Date(), new Date())
  t.notOk(isBuilt(), 'changed')

  await writeFile(join(dir, 'server.ts'), 'export const version: string = 1\n')
  await t.rejects(build(), { code: 1, stdout: /error TS2322/ })
  t.notOk(isBuilt(), 'one that failed does not count')
})
