// What the build compiles into one file with the package behind it, so that whoever installs Roomcast does not install that package.
import { build } from 'esbuild'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Source and what of it stays an import. The package is CommonJS, which asks for its imports by `require`. */
const bundles = [{ source: 'plugins/fastify-socket-io', external: ['socket.io'] }]
const REQUIRE = "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)"

/** Writes them over what the compiler has made of these sources. */
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

/** The licence texts of the packages in a bundle, as a comment at its end, where they move no line. */
function licencesOf ({ inputs }) {
  const folders = new Set(Object.keys(inputs).map(path => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(folder => folder !== undefined))
  return [...folders].map(folder => {
    const { name, version } = JSON.parse(readFileSync(`${root}${folder}/package.json`, 'utf8'))
    const file = ['LICENSE', 'LICENSE.md', 'license'].map(base => `${root}${folder}/${base}`).find(existsSync)
    if (file === undefined) throw new Error(`${folder} has no licence text`)
    return `\n/*! ${name} ${version}\n\n${readFileSync(file, 'utf8').trim()}\n*/\n`
  }).join('')
}
