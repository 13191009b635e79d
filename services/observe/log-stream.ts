// Where log lines go: to standard output, at once, so that none is left to be flushed at the end.
import { writeSync } from 'node:fs'

const STDOUT = 1

/**
 * A line that cannot be written is lost: a terminal that was closed or a disk that is full ends nothing, and a pipe that
 * nobody reads holds up nothing. Pino's own stream throws, or tries again for ever.
 * @param prettify makes a line of JSON readable
 */
export function createLogStream ({ prettify, onLost }: { prettify: ((line: string) => string) | undefined, onLost: () => void }): { write (line: string): void } {
  return {
    write (line) {
      try {
        writeSync(STDOUT, prettify === undefined ? line : prettify(line))
      } catch {
        onLost()
      }
    }
  }
}
