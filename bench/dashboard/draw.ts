// The panels where Grafana would put them, in one page that needs nothing from outside.
import { format, stepOf, type Panel, type PanelData, type Series } from './panels.ts'

const COLUMN = 50
const ROW = 22
const GAP = 8
const PLOT = { left: 58, right: 24, top: 6, bottom: 18 }
const TITLE = 24
const LEGEND = 15
const COLOURS: Record<string, string> = { green: '#1a7f37', orange: '#bc4c00', red: '#cf222e', blue: '#0969da' }
const LINES = ['#0969da', '#1a7f37', '#bc4c00', '#8250df', '#bf3989', '#0b7285', '#9a6700', '#57606a', '#cf222e', '#116329']
const CHARACTER = 6.2

const STYLE = `
  body { margin: 0; background: #f6f8fa; color: #1f2328; font: 12px system-ui, sans-serif }
  h1 { font-size: 18px; margin: 12px 12px 2px } p { margin: 0 12px 8px; color: #57606a }
  main { position: relative }
  section { position: absolute; box-sizing: border-box; background: #fff; border: 1px solid #d1d9e0; border-radius: 4px; overflow: hidden }
  section.row { background: none; border: 0; font-weight: 600; font-size: 14px; padding-top: 3px }
  h2 { font-size: 12px; margin: 5px 8px 0; white-space: nowrap }
  .stat b { display: block; text-align: center; font-size: 26px; line-height: 48px }
  text { font: 11px system-ui, sans-serif; fill: #57606a } .grid { stroke: #eaeef2 } .line { fill: none; stroke-width: 1.5; stroke-linejoin: round }
`

/** @param told what happened in the run, under the title */
export function drawDashboard (title: string, told: string, all: PanelData[]): string {
  const height = Math.max(...all.map(({ panel: { gridPos: { y, h } } }) => y + h)) * ROW + GAP
  const last = Math.max(...all.flatMap(({ series }) => series.flatMap(({ points }) => points.map(([at]) => at))))
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title><style>${STYLE}</style>
<h1>${escape(title)}</h1><p>${escape(told)}</p><main style="height:${height}px">${all.map(data => drawPanel(data, last)).join('\n')}</main></html>`
}

function drawPanel ({ panel, series }: PanelData, last: number): string {
  const { x, y, w, h } = panel.gridPos
  const [width, height] = [w * COLUMN - GAP, h * ROW - (panel.type === 'row' ? 0 : GAP)]
  const place = `left:${GAP / 2 + x * COLUMN}px;top:${y * ROW}px;width:${width}px;height:${height}px`
  if (panel.type === 'row') return `<section class="row" style="${place}">▾ ${escape(panel.title)}</section>`
  const inner = panel.type === 'stat'
    ? drawStat(panel, series)
    : `<svg width="${width}" height="${height - TITLE}">${panel.type === 'timeseries' ? drawLines(panel, series, width, height - TITLE, last) : drawStates(panel, series, width, height - TITLE, last)}</svg>`
  return `<section class="${panel.type}" style="${place}"><h2>${escape(panel.title)}</h2>${inner}</section>`
}

function drawStat (panel: Panel, series: Series[]): string {
  const value = series[0]?.points.at(-1)?.[1]
  if (value === undefined) return '<b>No data</b>'
  return `<b style="color:${COLOURS[stepOf(value, panel)?.color ?? 'blue']}">${format(value, panel.fieldConfig?.defaults.unit)}</b>`
}

function drawLines (panel: Panel, series: Series[], width: number, height: number, last: number): string {
  const { unit, thresholds, custom } = panel.fieldConfig?.defaults ?? {}
  const limits = custom?.thresholdsStyle === undefined ? [] : (thresholds?.steps ?? []).filter(({ value }) => value !== null)
  const least = ['ops', 'cps', 'short'].includes(unit ?? '') ? 1 : 1e-3
  const most = Math.max(...series.flatMap(({ points }) => points.map(([, value]) => value)), least)
  const step = niceStep(most / 3, unit)
  const top = step * Math.ceil(most * 1.02 / step)
  const legend = drawLegend(series.map(({ name }) => name), width)
  const bottom = height - PLOT.bottom - legend.length * LEGEND
  const atX = (at: number) => PLOT.left + at / last * (width - PLOT.left - PLOT.right)
  const atY = (value: number) => bottom - value / top * (bottom - PLOT.top)
  const rows = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step)
  return [
    ...rows.map(value => `<path class="grid" d="M${PLOT.left} ${round(atY(value))}H${width - PLOT.right}"/><text x="${PLOT.left - 6}" y="${round(atY(value)) + 4}" text-anchor="end">${format(value, unit)}</text>`),
    // A limit far above what was measured is not in the plot.
    ...limits.filter(({ value }) => (value ?? 0) <= top).map(({ value, color }) => `<path stroke="${COLOURS[color]}" stroke-dasharray="5 4" d="M${PLOT.left} ${round(atY(value ?? 0))}H${width - PLOT.right}"/>`),
    ...minutes(last).map(at => `<text x="${atX(at)}" y="${bottom + 14}" text-anchor="middle">${at / 60} min</text>`),
    ...series.map(({ points }, i) => `<path class="line" stroke="${LINES[i % LINES.length]}" d="${pathOf(points, atX, atY)}"/>`),
    ...legend.map((line, i) => `<g transform="translate(0 ${height - 5 - (legend.length - 1 - i) * LEGEND})">${line}</g>`)
  ].join('')
}

/** Where a value is missing, the line is broken. */
function pathOf (points: Series['points'], atX: (at: number) => number, atY: (value: number) => number): string {
  return points.map(([at, value], i) => `${i > 0 && at - (points[i - 1] as [number, number])[0] < 5 ? 'L' : 'M'}${round(atX(at))} ${round(atY(value))}`).join('')
}

function drawStates (panel: Panel, series: Series[], width: number, height: number, last: number): string {
  const left = 12 + CHARACTER * Math.max(...series.map(({ name }) => name.length))
  const options = Object.assign({}, ...(panel.fieldConfig?.defaults.mappings ?? []).map(({ options }) => options)) as Record<string, { text: string, color: string }>
  const pitch = Math.min(28, (height - PLOT.bottom - 24) / series.length)
  const atX = (at: number) => left + at / last * (width - left - PLOT.right)
  const bars = series.map(({ name, points }, row) => {
    const y = PLOT.top + row * pitch
    const cells = points.map(([at, value], i) => {
      const until = Math.min(points[i + 1]?.[0] ?? last, at + 2)
      return `<rect x="${round(atX(at))}" y="${y}" width="${round(atX(until) - atX(at)) + 0.3}" height="${pitch * 0.8}" fill="${COLOURS[options[value]?.color ?? 'blue']}"/>`
    })
    return `<text x="${left - 6}" y="${y + pitch * 0.4 + 4}" text-anchor="end">${escape(name)}</text>${cells.join('')}`
  })
  const states = Object.values(options).map(({ text, color }, i) => `<rect x="${left + i * 50}" y="${height - 14}" width="10" height="10" fill="${COLOURS[color]}"/><text x="${left + i * 50 + 14}" y="${height - 5}">${text}</text>`)
  return [...bars, ...minutes(last).map(at => `<text x="${atX(at)}" y="${PLOT.top + series.length * pitch + 12}" text-anchor="middle">${at / 60} min</text>`), ...states].join('')
}

/** As many lines as it needs. */
function drawLegend (names: string[], width: number): string[] {
  const lines = ['']
  let x = 10
  for (const [i, name] of names.entries()) {
    const needs = 26 + name.length * CHARACTER
    if (x + needs > width && x > 10) {
      lines.push('')
      x = 10
    }
    lines[lines.length - 1] += `<path stroke="${LINES[i % LINES.length]}" stroke-width="3" d="M${x} -4h10"/><text x="${x + 14}">${escape(name)}</text>`
    x += needs
  }
  return lines
}

function minutes (last: number): number[] {
  return Array.from({ length: Math.floor(last / 60) + 1 }, (_, i) => i * 60)
}

/** 1, 2 or 5 times a power of ten; of bytes, a power of two. */
function niceStep (rough: number, unit?: string): number {
  if (unit === 'bytes') return 2 ** Math.ceil(Math.log2(Math.max(rough, 1024)))
  const power = 10 ** Math.floor(Math.log10(rough))
  return ([1, 2, 5].find(factor => factor * power >= rough) ?? 10) * power
}

function round (value: number): number {
  return Math.round(value * 10) / 10
}

function escape (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
