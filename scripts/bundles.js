// Bundles a source with its package, so that an installation of Roomcast does not need the package.
import { build } from 'esbuild'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Each source and the imports that remain. The package is CommonJS, so it uses `require`. */
const bundles = [{ source: 'plugins/fastify-socket-io', external: ['socket.io'] }]
const REQUIRE = "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)"

/** Overwrites the compiled files of these sources. */
export async function writeBundles () {
  for (const { source, external } of bundles) {
    const { metafile, outputFiles } = await build({
      absWorkingDir: root,
      entryPoints: [`${source}.ts`],
      outfile: `dist/${source}.js`,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      external,
      sourcemap: true,
      banner: { js: REQUIRE },
      metafile: true,
      write: false
    })
    for (const { path, text } of outputFiles) writeFileSync(path, path.endsWith('.js') ? text + licencesOf(metafile) : text)
  }
}

/** The licence texts of the bundled packages, as a comment at the end, so that line numbers stay the same. */
function licencesOf ({ inputs }) {
  const folders = new Set(Object.keys(inputs).map(path => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(folder => folder !== undefined))
  return [...folders].map(folder => {
    const { name, version } = JSON.parse(readFileSync(`${root}${folder}/package.json`, 'utf8'))
    const file = ['LICENSE', 'LICENSE.md', 'license'].map(base => `${root}${folder}/${base}`).find(existsSync)
    if (file === undefined) throw new Error(`${folder} has no licence text`)
    return `\n/*! ${name} ${version}\n\n${readFileSync(file, 'utf8').trim()}\n*/\n`
  }).join('')
}
