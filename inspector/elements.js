// Elements of the page, and words for numbers. All that comes from outside becomes text, never markup.

/** @param props attributes; `on` are listeners */
export function h (tag, { on = {}, ...props } = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value)
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener)
  element.append(...children.flat().filter(child => child !== undefined).map(child => child instanceof window.Node ? child : String(child)))
  return element
}

/** @param columns head, `wide`: left out on a phone; `number`: to the right */
export function table (caption, columns, rows) {
  const cell = (tag, { wide, number, head }, content, props = {}) =>
    h(tag, { class: [wide ? 'wide' : '', number ? 'number' : ''].join(' ').trim() || undefined, ...props }, content ?? head)
  return h('table', {},
    h('caption', {}, caption),
    h('thead', {}, h('tr', {}, columns.map(column => cell('th', column, undefined, { scope: 'col' })))),
    h('tbody', {}, rows.map(row => h('tr', {}, row.map((content, i) => cell(i === 0 ? 'th' : 'td', columns[i], content, i === 0 ? { scope: 'row' } : {}))))))
}

/** Names and values, as a list of facts. */
export function facts (pairs) {
  return h('dl', { class: 'facts' }, pairs.map(([name, value, title]) => h('div', { title }, h('dt', {}, name), h('dd', {}, value))))
}

export const roomLink = ({ workspaceId, appId }) => h('a', { href: `#/room/${workspaceId}/${appId}` }, `${workspaceId}/`, h('wbr'), appId)
export const userLink = (userId, text = userId) => h('a', { href: `#/user/${encodeURIComponent(userId)}` }, text)
export const chip = (text, kind) => h('span', { class: `chip ${kind ?? ''}`.trim() }, text)

export function spanText (ms) {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`
}

export function bytesText (bytes) {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1_048_576 ? `${Math.round(bytes / 1024)} KB` : `${Math.round(bytes / 1_048_576)} MB`
}

export const many = (count, one, several = `${one}s`) => `${count} ${count === 1 ? one : several}`
export const shortEpoch = epoch => epoch.slice(0, 6)
