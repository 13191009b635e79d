// Reads settings that are URLs. Check and use share this code, so that what was checked is what is used. No message
// quotes a URL, because it may contain a password.

/** The parts of REDIS_URL. User and password are secret. */
export interface RedisAddress {
  host: string
  port: number
  tls: boolean
  /** Decoded; empty if there is none. */
  username: string
  password: string
  database: number
}

const REDIS_PORT = 6379

/**
 * Reads REDIS_URL; undefined if it has another form. The form is strict, because a raw `#`, `/`, `?` or `%` in a password
 * would change the meaning of the rest.
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

/** Whether `fetch` accepts the URL. It refuses a user or a password, and its error would reveal them. */
export function isFetchUrl (text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && !/[@#]/.test(text)
}

function decode (text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    // The caller reports the setting. This error would reveal the password.
    return undefined
  }
}
