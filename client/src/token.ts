// Gets a token from the app.
import { clientError, type ErrorInfo } from './errors.ts'
import type { TokenSource } from './types.ts'

/** The token, or the error that explains why there is none. */
export async function takeToken (source: TokenSource): Promise<string | ErrorInfo> {
  try {
    return (await source()).trim()
  } catch (error) {
    return clientError('client/no-token', `token() failed: ${error}`)
  }
}
