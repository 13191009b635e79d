// Files that are read at run time and not compiled. They are copied to dist/ unchanged.
import { cpSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const assets = ['inspector', 'pages', 'playground', 'services/broker/scripts']

export function copyAssets () {
  for (const asset of assets) cpSync(pathOf(asset), pathOf(`dist/${asset}`), { recursive: true })
}

function pathOf (name) {
  return fileURLToPath(new URL(`../${name}`, import.meta.url))
}
