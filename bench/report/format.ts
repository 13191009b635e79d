// Numbers as a page shows them: three figures that mean something, never more.
import type { Value } from './results.ts'

export function formatNumber (value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return Math.abs(value) >= 1 ? value.toFixed(1) : value.toFixed(2)
}

/** With the ratio to the reference in brackets. */
export function formatValue (value: Value | undefined): string {
  if (value === undefined) return '–'
  return value.ratio === undefined ? formatNumber(value.median) : `${formatNumber(value.median)} (${value.ratio.toFixed(2)})`
}
