// Files of the repository. Tests run from dist/test, so they name files from the root.
import { fileURLToPath } from 'node:url'

// By the package's own name, whose main file lies in dist/.
const root = new URL('../', import.meta.resolve('roomcast'))

/** @param path from the root of the repository, as `docs/protocol.md` @returns the absolute path */
export function pathOf (path = ''): string {
  return fileURLToPath(new URL(path, root))
}
