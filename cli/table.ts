// Rows in columns, as wide as what stands in them.

type Cell = string | number | null

/** The lines of a table; numbers stand to the right. */
export function tableText (head: string[], rows: Cell[][]): string {
  const texts = [head, ...rows.map(row => row.map(cell => cell === null ? '-' : String(cell)))]
  const widths = head.map((_, column) => Math.max(...texts.map(row => row[column]?.length ?? 0)))
  const isNumber = head.map((_, column) => typeof rows[0]?.[column] === 'number')
  return texts.map(row => row.map((text, column) => {
    const width = widths[column] ?? 0
    return isNumber[column] === true ? text.padStart(width) : text.padEnd(width)
  }).join('  ').trimEnd()).join('\n')
}

/** How long ago, in the largest unit that is not nothing. */
export function agoText (time: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - time) / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`
}
