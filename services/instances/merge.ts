// One page from the first rows of several instances, each in the order of keys: nothing is left out, and nothing comes twice.

/** What one instance has after a key: its first rows, and whether it has more. */
export interface Part<Row> {
  rows: Row[]
  more: boolean
}

export type Several<T> = [T, ...T[]]

/** Rows with the same key stand together; `next` is where the next page begins, null after the last. */
export function merge<Row> (parts: Array<Part<Row>>, keyOf: (row: Row) => string, { limit }: { limit: number }): { rows: Array<Several<Row>>, next: string | null } {
  const groups = new Map<string, Several<Row>>()
  for (const row of parts.flatMap(({ rows }) => rows)) {
    const group = groups.get(keyOf(row))
    if (group === undefined) groups.set(keyOf(row), [row])
    else group.push(row)
  }
  // Beyond the last row of an instance that has more, something may be missing.
  const ends = parts.flatMap(({ rows, more }) => more ? rows.slice(-1).map(keyOf) : []).sort()
  const [end] = ends
  const known = [...groups].filter(([key]) => end === undefined || key <= end).sort(([a], [b]) => a < b ? -1 : 1)
  const page = known.slice(0, limit)
  const isLast = end === undefined && page.length === groups.size
  return { rows: page.map(([, rows]) => rows), next: isLast ? null : page.at(-1)?.[0] ?? null }
}
