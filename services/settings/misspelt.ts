// Finds misspelt settings in the environment. Variables of others live there too, so only names that differ from a long
// name by a letter or two count, and only if that setting itself is not set.

/** Shorter names, such as HOST and PORT, resemble too many others. */
const SHORTEST = 8
/** From this length on, two letters may differ. */
const LONG = 12

/** Pairs of an unknown name and the setting that it resembles most. */
export function misspelt (given: readonly string[], settings: readonly string[]): Array<[given: string, meant: string]> {
  const known = new Set(settings)
  const there = new Set(given)
  const missing = settings.filter(name => name.length >= SHORTEST && !there.has(name))
  return given.filter(name => !known.has(name)).flatMap(name => {
    const [nearest] = missing
      .map(setting => ({ setting, distance: distance(name, setting) }))
      .filter(({ setting, distance }) => distance <= (setting.length < LONG ? 1 : 2))
      .sort((a, b) => a.distance - b.distance)
    return nearest === undefined ? [] : [[name, nearest.setting] as [string, string]]
  })
}

/** The number of letters inserted, omitted, changed or swapped; any number above 2 if it is more than 2. */
function distance (one: string, other: string): number {
  if (Math.abs(one.length - other.length) > 2) return Infinity
  let before: number[] = []
  let last = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (let row = 1; row <= one.length; row++) {
    const line = [row]
    for (let column = 1; column <= other.length; column++) {
      const same = one[row - 1] === other[column - 1]
      const swapped = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
      line.push(Math.min(
        (last[column] as number) + 1,
        (line[column - 1] as number) + 1,
        (last[column - 1] as number) + (same ? 0 : 1),
        swapped ? (before[column - 2] as number) + 1 : Infinity
      ))
    }
    [before, last] = [last, line]
  }
  return last[other.length] as number
}
