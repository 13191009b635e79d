// The updates of a room as they come, newest first, and how long they were on their way.
import { chip, h, userLink } from './elements.js'

const KEPT = 100

/** @param now this moment by the service's clock */
export function createUpdates (now) {
  const list = h('ol')
  const lag = h('p', { class: 'quiet' }, 'Delivery: no live update yet')
  const pause = h('button', { type: 'button', 'aria-pressed': 'false', on: { click: () => setPaused(!isPaused) } }, 'Pause')
  const element = h('section', { class: 'card', 'aria-label': 'Updates' },
    h('div', { class: 'actions' }, h('h3', {}, 'Updates'), lag, pause),
    h('div', { class: 'log', role: 'log', tabindex: '0', 'aria-label': 'Updates, newest first' }, list))
  const known = new Set()
  const lags = []
  let waiting = []
  let isPaused = false

  function setPaused (next) {
    isPaused = next
    pause.setAttribute('aria-pressed', String(next))
    pause.textContent = next ? 'Go on' : 'Pause'
    if (next) return
    for (const line of waiting) put(line)
    waiting = []
  }

  /** Newest first, also where what was read from the history comes later than the first live one. */
  function put (line) {
    if (isPaused) {
      waiting = [...waiting, line].slice(-KEPT)
      pause.textContent = `Go on (${waiting.length} new)`
      return
    }
    list.insertBefore(line, [...list.children].find(other => Number(other.dataset.at) <= Number(line.dataset.at)) ?? null)
    while (list.children.length > KEPT) list.lastChild.remove()
  }

  function onLive (ms) {
    lags.push(ms)
    if (lags.length > 50) lags.shift()
    const sorted = [...lags].sort((a, b) => a - b)
    lag.textContent = `Delivery: ${sorted[sorted.length >> 1]} ms as a rule, ${sorted.at(-1)} ms at most, of the last ${sorted.length}`
  }

  return {
    element,
    note: text => put(h('li', { class: 'note', 'data-at': now() }, text)),
    /** @param isAsked it was read from the history, and not waited for */
    add ({ id, epoch, offset, event, userId, payload, publishedAt, isCut }, isAsked) {
      const key = offset === undefined ? id : `${epoch}:${offset}`
      if (known.has(key)) return
      known.add(key)
      if (known.size > 10 * KEPT) known.delete(known.values().next().value)
      const ms = Math.max(0, Math.round(now() - publishedAt))
      if (!isAsked) onLive(ms)
      put(h('li', { 'data-at': publishedAt }, h('details', {},
        h('summary', {},
          h('strong', {}, offset === undefined ? '–' : `#${offset}`), h('code', {}, event), h('span', {}, userId),
          offset === undefined ? chip('ephemeral') : undefined,
          h('time', { class: 'quiet', datetime: new Date(publishedAt).toISOString() }, isAsked ? new Date(publishedAt).toLocaleTimeString() : `${ms} ms`)),
        h('p', { class: 'quiet' }, 'From ', userLink(userId), `, at ${new Date(publishedAt).toLocaleTimeString()}, id ${id}`),
        h('pre', {}, isCut ? `${payload}…` : JSON.stringify(payload, undefined, 2)))))
    }
  }
}
