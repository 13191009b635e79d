// Log lines as a person reads them: on a terminal outside production, where pino-pretty, an optional peer, is installed.
import type { Settings } from '../settings.ts'

/** @returns what makes a line of JSON readable; undefined where the log is for programs */
export async function loadPrettifier ({ NODE_ENV }: Settings): Promise<((line: string) => string) | undefined> {
  if (NODE_ENV === 'production' || !process.stdout.isTTY) return undefined
  try {
    const { default: pretty } = await import('pino-pretty')
    return pretty.prettyFactory({ colorize: pretty.isColorSupported, ignore: 'pid,hostname' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}
