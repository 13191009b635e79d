// Settings that are URLs: read in one place, so that what is checked at boot is what is used. No message here quotes
// one: it may hold a password.

/** The part of REDIS_URL that is no secret, and the part that is. */
export interface RedisAddress {
  host: string
  port: number
  tls: boolean
  /** Decoded; empty where there is none. */
  username: string
  password: string
  database: number
}

const REDIS_PORT = 6379

/**
 * Undefined for what is no such URL. A raw `#`, `/`, `?` or `%` in a password makes one that says something else, so
 * the rest of the URL is held to its form.
 */
export function readRedisUrl (text: string): RedisAddress | undefined {
  if (!URL.canParse(text)) return undefined
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(text)
  const database = /^\/?(\d{0,9})$/.exec(pathname)?.[1]
  const [user, secret] = [decode(username), decode(password)]
  if (!/^rediss?:$/.test(protocol) || hostname === '' || database === undefined || search !== '' || hash !== '') return undefined
  if (user === undefined || secret === undefined) return undefined
  return {
    host: hostname.replaceAll(/^\[|\]$/g, ''),
    port: port === '' ? REDIS_PORT : Number(port),
    tls: protocol === 'rediss:',
    username: user,
    password: secret,
    database: Number(database)
  }
}

export interface HostAndPort {
  host: string
  port: number
}

/** `host:port`, comma-separated; an IPv6 address in brackets. */
export function readAddresses (text: string): HostAndPort[] {
  return text.split(',').map(address => {
    const colon = address.lastIndexOf(':')
    return { host: address.slice(0, colon).replaceAll(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }
  })
}

/** A URL that `fetch` takes: it refuses one with a user or a password, and its error would show them. */
export function isFetchUrl (text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && !/[@#]/.test(text)
}

function decode (text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    // The caller names the setting; the error would quote the password.
    return undefined
  }
}
