// Readable log lines on a terminal outside production, when the optional peer pino-pretty is installed.
import type { Settings } from '../settings.ts'

/** @returns a function that formats a line of JSON; undefined when the log is read by programs */
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
