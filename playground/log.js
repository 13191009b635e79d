// The log of one side, newest first: updates, each with its raw message, and notes on what happened to the connection.
import { chip, describe, element } from './words.js'

const LENGTH = 200

/** @param list an element for lines */
export function createLog (list) {
  function write (line, kind) {
    line.className = kind
    list.prepend(line)
    while (list.children.length > LENGTH) list.lastChild.remove()
  }

  return {
    note: text => write(element('li', text), 'note'),
    fault: text => write(element('li', text), 'bad'),
    /** @param isRecovered published while this side was away */
    update (update, person, isRecovered) {
      const line = document.createElement('li')
      const details = document.createElement('details')
      const summary = element('summary', '', { title: 'Show the raw message' })
      summary.append(element('strong', update.offset === undefined ? '–' : `#${update.offset}`), chip(person.displayName, person.color))
      if (isRecovered) summary.append(element('em', 'recovered'))
      summary.append(element('span', describe(update.event, update.payload)))
      details.append(summary)
      // Written when it is asked for: most never are.
      details.addEventListener('toggle', () => { if (details.children.length === 1) details.append(element('pre', JSON.stringify(update, undefined, 2))) })
      line.append(details)
      write(line, isRecovered ? 'recovered' : 'live')
    }
  }
}
