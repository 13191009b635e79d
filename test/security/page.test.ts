// docs/security.md: every test that it names exists, and every file of these tests is named.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { pathOf } from '../helpers/paths.ts'

const folder = pathOf('test/security/')
const page = await readFile(pathOf('docs/security.md'), 'utf8')
const named = [...page.matchAll(/`([\w./-]+\.test\.ts)` “([^”]+)”/g)].map(([, file = '', title = '']) => ({ file, title }))

test('every test that docs/security.md names exists', async t => {
  t.ok(named.length > 40)
  for (const { file, title } of named) {
    const source = await readFile(join(folder, file), 'utf8')
    const titles = [...source.matchAll(/test\((?:'([^'\n]+)'|"([^"\n]+)"|`([^`\n]+)`), async/g)].map(([, ...groups]) => groups.find(Boolean) ?? '')
    t.ok(titles.some(found => found.endsWith(title)), `${file}: ${title}`)
  }
})

test('every mention of a test file comes with a title, and no file of these tests is forgotten', async t => {
  t.equal(page.match(/\.test\.ts/g)?.length, named.length)
  const files = (await readdir(folder)).filter(file => file.endsWith('.test.ts') && file !== 'page.test.ts')
  for (const file of files) t.ok(named.some(each => each.file === file), file)
})

test('the page and the check of versions name the same ones', async t => {
  const script = await readFile(pathOf('scripts/check-versions.js'), 'utf8')
  const versions = [...script.matchAll(/^ {2}'?([\w@/.-]+?)'?: '([\d.]+)'/gm)]
  t.ok(versions.length >= 7)
  for (const [, name, version] of versions) t.ok(page.includes(`${name} ${version}`), `${name} ${version}`)
})
