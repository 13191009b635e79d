// Which origins may use the service: its own, the configured ones, and clients that are not browsers.

/**
 * @param origin the Origin header; undefined if the client sent none, as servers and apps do
 * @param host the Host header
 * @param allowed CORS_ORIGINS, as a list
 */
export function isAllowedOrigin (origin: string | undefined, host: string | undefined, allowed: readonly string[]): boolean {
  if (origin === undefined) return true
  if (allowed.includes(origin)) return true
  // `null` (a sandboxed frame, a file) has no host, and counts as foreign.
  return URL.canParse(origin) && host !== undefined && new URL(origin).host === host.toLowerCase()
}

export function listOrigins (setting: string): string[] {
  return setting.split(',').map(origin => origin.trim()).filter(origin => origin !== '')
}
