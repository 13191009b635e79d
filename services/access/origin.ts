// Which browsers' pages may use the service: the same origin, those that are configured, and whatever is no browser.

/**
 * @param origin the Origin header; undefined where there is none, as with servers and apps
 * @param host the Host header
 * @param allowed CORS_ORIGINS, as a list
 */
export function isAllowedOrigin (origin: string | undefined, host: string | undefined, allowed: readonly string[]): boolean {
  if (origin === undefined) return true
  if (allowed.includes(origin)) return true
  // `null` (a sandboxed frame, a file) has no host, and is foreign.
  return URL.canParse(origin) && host !== undefined && new URL(origin).host === host.toLowerCase()
}

export function listOrigins (setting: string): string[] {
  return setting.split(',').map(origin => origin.trim()).filter(origin => origin !== '')
}
