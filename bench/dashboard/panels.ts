// What is read of a Grafana dashboard.
export interface Dashboard {
  title: string
  panels: Panel[]
}

export interface Panel {
  type: 'row' | 'stat' | 'timeseries' | 'state-timeline'
  title: string
  description?: string
  /** In 24 columns; rows of 30 pixels in Grafana. */
  gridPos: { x: number, y: number, w: number, h: number }
  targets?: Target[]
  fieldConfig?: { defaults: { unit?: string, thresholds?: { steps: Step[] }, mappings?: Mapping[], custom?: { thresholdsStyle?: { mode: string } } } }
}

export interface Target {
  expr: string
  legendFormat?: string
  instant?: boolean
}

export interface Step {
  color: string
  value: number | null
}

export interface Mapping {
  options: Record<string, { text: string, color: string }>
}

export interface Series {
  name: string
  /** Seconds since the start. */
  points: Array<[seconds: number, value: number]>
}

export interface PanelData {
  panel: Panel
  series: Series[]
}

/** The step that a value has reached. */
export function stepOf (value: number, { fieldConfig }: Panel): Step | undefined {
  return fieldConfig?.defaults.thresholds?.steps.findLast(step => value >= (step.value ?? -Infinity))
}

/** A value in the unit of Grafana's name, as short as it can be read. */
export function format (value: number, unit = 'short'): string {
  if (unit === 's') return value < 1 ? `${round(value * 1000)} ms` : `${round(value)} s`
  if (unit === 'percentunit') return `${round(value * 100)} %`
  if (unit === 'bytes') return value < 1024 ** 2 ? `${round(value / 1024)} KiB` : `${round(value / 1024 ** 2)} MiB`
  if (unit === 'ops' || unit === 'cps') return `${round(value)}/s`
  return round(value)
}

function round (value: number): string {
  return Number(value.toPrecision(value >= 100 ? 3 : 2)).toLocaleString('en-US', { maximumFractionDigits: 6 })
}
