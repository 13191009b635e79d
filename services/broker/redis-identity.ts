// Identifies the Redis at the other end of a connection, from its INFO.

export interface RedisIdentity {
  runId: string
  /** True if it keeps an append-only file and is not a promoted replica: a restarted process then has all data of the old one. */
  durable: boolean
}

export interface RedisState extends RedisIdentity {
  /** Why it must not be used, even if it answers. */
  unfit: 'a replica' | 'loading' | undefined
  /** Its clock, in milliseconds since 1970. */
  now: number | undefined
  /** The eviction policy, if it may evict history and positions. */
  evicts: string | undefined
}

export function readState (info: string): RedisState {
  const fields = Object.fromEntries(info.split('\r\n').map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1)]
  })) as Record<string, string | undefined>
  const policy = fields['maxmemory_policy']
  return {
    runId: fields['run_id'] ?? '',
    durable: fields['aof_enabled'] === '1' && (fields['second_repl_offset'] ?? '-1') === '-1',
    unfit: /^(slave|replica)$/.test(fields['role'] ?? '') ? 'a replica' : fields['loading'] === '1' ? 'loading' : undefined,
    now: fields['server_time_usec'] === undefined ? undefined : Number(fields['server_time_usec']) / 1000,
    evicts: policy?.startsWith('allkeys') === true && fields['maxmemory'] !== '0' ? policy : undefined
  }
}
