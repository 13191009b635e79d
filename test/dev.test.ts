// `npm run dev`, with a small service in place of ours.
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { eventually, freePort, HOST, pathOf } from './helpers/index.ts'
import { startChild } from './helpers/child.ts'

const source = (answer: string) => `
import { createServer } from 'node:http'
const port = Number(process.env.PORT)
createServer((_request, response) => { response.end('${answer}') }).listen(port)
console.log(JSON.stringify({ level: 30, time: Date.now(), pid: process.pid, msg: 'started' }))
`

test('a change is served after a restart; one that does not compile leaves the service as it is', async t => {
  const dir = t.testdir({ scripts: {}, 'package.json': '{ "type": "module" }' })
  for (const path of ['tsconfig.json', 'tsconfig.test.json', 'scripts/dev.js', 'scripts/assets.js']) await cp(pathOf(path), join(dir, path))
  const { assets } = await import(pathOf('scripts/assets.js')) as { assets: string[] }
  for (const asset of assets) await mkdir(join(dir, asset), { recursive: true })
  await symlink(pathOf('node_modules'), join(dir, 'node_modules'))
  const write = (text: string) => writeFile(join(dir, 'server.ts'), text)
  await write(source('one'))
  const port = await freePort()
  await writeFile(join(dir, '.env'), `PORT=${port}\n`)
  const dev = await startChild(t, 'env', ['-C', dir, process.execPath, 'scripts/dev.js'], { PATH: process.env.PATH })
  const answer = async () => await (await fetch(`http://${HOST}:${port}`)).text()

  await eventually(async () => await answer() === 'one', 60_000)
  await eventually(() => /^\[[\d:.]+\] INFO \(\d+\): started$/m.test(dev.output()))

  await write(source('two'))
  await eventually(async () => await answer() === 'two', 30_000)

  await write(`${source('three')}export const wrong: string = 0\n`)
  await eventually(() => dev.output().includes('error TS'), 30_000)
  t.equal(await answer(), 'two')

  t.equal((await dev.kill('SIGTERM')).code, 0)
  await t.rejects(answer(), 'and nothing is left of it')
})
