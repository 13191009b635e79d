// The log as a person reads it: on a terminal outside production, where pino-pretty, an optional peer, is installed.
import type { PrettyStream } from 'pino-pretty'
import type { Settings } from '../settings.ts'

/** Where the log goes instead of the standard output; undefined for JSON, line by line. */
export async function prettyLog ({ NODE_ENV }: Settings): Promise<PrettyStream | undefined> {
  if (NODE_ENV === 'production' || !process.stdout.isTTY) return undefined
  try {
    const { default: pretty } = await import('pino-pretty')
    return pretty({ sync: true, ignore: 'pid,hostname' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}
