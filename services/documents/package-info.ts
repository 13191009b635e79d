// Name, version and license of this package, for the documents.
import { existsSync, readFileSync } from 'node:fs'

interface PackageInfo {
  name: string
  version: string
  license: string
  description: string
}

// The source is two folders below the root, the build three.
const file = ['../../package.json', '../../../package.json'].map(path => new URL(path, import.meta.url)).find(existsSync)

export const packageInfo = JSON.parse(readFileSync(file as URL, 'utf8')) as PackageInfo
