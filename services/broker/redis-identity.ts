// Identifies the Redis at the other end of a connection, from its INFO.

export interface RedisIdentity {
  /** Of the process; behind the id of its node in a cluster. */
  runId: string
  /**
   * Whose rooms are whole here, though another process wrote them last: `*` for everyone's, else how their run ids
   * begin, separated by spaces.
   */
  whole: string
}

export interface RedisState {
  runId: string
  /** True if it keeps an append-only file and is not a promoted replica: a restarted process then has all data of the old one. */
  durable: boolean
  /** Changes when a replica is promoted. */
  replicationId: string
  /** Why it must not be used, even if it answers. */
  unfit: 'a replica' | 'loading' | undefined
  /** Its clock, in milliseconds since 1970. */
  now: number | undefined
  /** The eviction policy, if it may evict history and positions. */
  evicts: string | undefined
}

/** @param node of a cluster: where a room of another node came from, its own append-only file does not tell */
export function identityOf ({ runId, durable }: Pick<RedisState, 'runId' | 'durable'>, node?: string): RedisIdentity {
  if (node === undefined) return { runId, whole: durable ? '*' : '' }
  return { runId: `${node}.${runId}`, whole: durable ? `${node}.` : '' }
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
    replicationId: fields['master_replid'] ?? '',
    unfit: /^(slave|replica)$/.test(fields['role'] ?? '') ? 'a replica' : fields['loading'] === '1' ? 'loading' : undefined,
    now: fields['server_time_usec'] === undefined ? undefined : Number(fields['server_time_usec']) / 1000,
    evicts: policy?.startsWith('allkeys') === true && fields['maxmemory'] !== '0' ? policy : undefined
  }
}
