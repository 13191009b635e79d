// Line charts side by side, as one SVG that reads on light and dark pages alike.
export interface Series {
  name: string
  points: Array<[x: number, y: number]>
}

export interface Chart {
  title: string
  x: string
  /** Each x as far from the next, as for 250, 1000, 4000. */
  isStepped?: boolean
  series: Series[]
  /** A line across, such as the time allowed. */
  mark?: { x: number, label: string }
}

const WIDTH = 340
const HEIGHT = 260
const LEFT = 46
const RIGHT = 16
const TOP = 34
const BOTTOM = 44
const LEGEND = 26

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #3d444d }
  .title { font-weight: 600; fill: #1f2328 }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .mark { stroke: #818b98; stroke-dasharray: 4 3 }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round }
  ${colours(['#0969da', '#bc4c00', '#1a7f37', '#8250df'])}
  @media (prefers-color-scheme: dark) {
    text { fill: #b7bdc8 }
    .title { fill: #f0f6fc }
    .grid { stroke: #3d444d }
    .mark { stroke: #9198a1 }
    ${colours(['#4493f8', '#f0883e', '#3fb950', '#ab7df8'])}
  }
`

export function drawCharts (charts: Chart[]): string {
  const names = [...new Set(charts.flatMap(({ series }) => series.map(({ name }) => name)))]
  const width = charts.length * WIDTH
  const colourOf = (name: string) => names.indexOf(name) % 4
  let at = LEFT
  const legend = names.map(name => {
    const from = at
    at += 34 + name.length * 6.6
    return `<path class="line c${colourOf(name)}" d="M${from} 14h16"/><text x="${from + 21}" y="18">${escape(name)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT + LEGEND}" width="${width}" role="img" aria-label="${escape(charts.map(({ title }) => title).join('; '))}">
<style>${STYLE}</style>
${legend.join('\n')}
${charts.map((chart, i) => `<g transform="translate(${i * WIDTH} ${LEGEND})">\n${drawChart(chart, colourOf)}\n</g>`).join('\n')}
</svg>
`
}

function drawChart ({ title, x, isStepped = false, series, mark }: Chart, colourOf: (name: string) => number): string {
  const xs = [...new Set(series.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b)
  const last = isStepped ? xs.length - 1 : Math.max(xs.at(-1) ?? 1, mark?.x ?? 0)
  const step = niceStep(Math.max(...series.flatMap(({ points }) => points.map(([, y]) => y)), 1e-9) * 1.05 / 4)
  const top = step * Math.max(1, Math.ceil(Math.max(...series.flatMap(({ points }) => points.map(([, y]) => y))) * 1.02 / step))
  const atX = (value: number) => LEFT + (isStepped ? xs.indexOf(value) : value) / (last || 1) * (WIDTH - LEFT - RIGHT)
  const atY = (value: number) => HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

  const rows = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step)
  const columns = isStepped ? xs : ticks(last)
  return [
    `<text class="title" x="${LEFT}" y="18">${escape(title)}</text>`,
    ...rows.map(y => `<path class="grid" d="M${LEFT} ${round(atY(y))}H${WIDTH - RIGHT}"/><text x="${LEFT - 6}" y="${round(atY(y) + 4)}" text-anchor="end">${format(y)}</text>`),
    ...columns.map(value => `<text x="${round(atX(value))}" y="${HEIGHT - BOTTOM + 17}" text-anchor="middle">${format(value)}</text>`),
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escape(x)}</text>`,
    ...mark === undefined ? [] : [`<path class="mark" d="M${round(atX(mark.x))} ${TOP}V${HEIGHT - BOTTOM}"/><text x="${round(atX(mark.x) - 5)}" y="${TOP + 10}" text-anchor="end">${escape(mark.label)}</text>`],
    ...series.map(({ name, points }) => {
      const places = points.map(([px, py]) => `${round(atX(px))} ${round(atY(py))}`)
      const dots = points.length > 12 ? '' : points.map(([px, py]) => `<circle class="d${colourOf(name)}" cx="${round(atX(px))}" cy="${round(atY(py))}" r="3.5"/>`).join('')
      return `<path class="line c${colourOf(name)}" d="M${places.join('L')}"/>${dots}`
    })
  ].join('\n')
}

function ticks (last: number): number[] {
  const step = niceStep(last / 5)
  return Array.from({ length: Math.floor(last / step + 1e-9) + 1 }, (_, i) => i * step)
}

/** 1, 2 or 5 times a power of ten. */
function niceStep (rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough))
  return ([1, 2, 5].find(factor => factor * power >= rough) ?? 10) * power
}

function colours (all: string[]): string {
  return all.map((colour, i) => `.c${i} { stroke: ${colour} } .d${i} { fill: ${colour} }`).join(' ')
}

function format (value: number): string {
  return Number(value.toPrecision(6)).toLocaleString('en-US')
}

function round (value: number): number {
  return Math.round(value * 10) / 10
}

function escape (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
