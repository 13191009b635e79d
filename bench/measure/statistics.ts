// Medians and other quantiles.

export function median (values: number[]): number {
  return quantile(values, 0.5)
}

/** Between the two nearest values; NaN of none. */
export function quantile (values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const [below = NaN, above = NaN] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  return below + (above - below) * (at - Math.floor(at))
}
