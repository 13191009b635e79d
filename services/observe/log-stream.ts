// Writes log lines to standard output synchronously, so that none is left to be flushed at exit.
import { writeSync } from 'node:fs'

const STDOUT = 1

/**
 * A line that cannot be written is dropped: a closed terminal, a full disk or an unread pipe must neither stop nor block
 * the service. Pino's own stream throws, or retries forever.
 * @param prettify formats a line of JSON for a person
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
