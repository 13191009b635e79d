// Asking the app for a token.
import { clientError, type ErrorInfo } from './errors.ts'
import type { TokenSource } from './types.ts'

/** The token, or why there is none. */
export async function takeToken (source: TokenSource): Promise<string | ErrorInfo> {
  try {
    return (await source()).trim()
  } catch (error) {
    return clientError('client/no-token', `token() failed: ${error}`)
  }
}
