// The live instances and their state.
import { bytesText, chip, facts, h, many, spanText } from './elements.js'
import { freshness } from './freshness.js'

export function showInstances ({ root, service, tell }) {
  const cards = h('div', { class: 'cards' })
  const sum = h('p', { class: 'quiet' })
  root.append(h('div', { class: 'head' }, h('h2', {}, 'Instances'), sum), cards)

  return {
    async refresh () {
      const page = await service.get('/instances')
      const sockets = page.instances.reduce((total, instance) => total + instance.sockets, 0)
      sum.textContent = `${many(page.instances.length, 'instance')}, ${many(sockets, 'socket')}`
      cards.replaceChildren(...page.instances.map(instance => cardOf(instance, page.at)), ...page.silent.map(silentCard))
      tell(...freshness(page))
    }
  }
}

function cardOf ({ instance, version, startedAt, sockets, rooms, cpu, eventLoopDelayMs, memoryBytes, ready, reasons, draining }, at) {
  const [state, kind] = draining ? ['draining', 'warn'] : ready ? ['ready', 'good'] : ['not ready', 'bad']
  return h('section', { class: 'card', 'aria-label': `Instance ${instance}` },
    h('h3', {}, instance, ' ', chip(state, kind)),
    reasons.length === 0 ? undefined : h('ul', { class: 'reasons' }, reasons.map(reason => h('li', {}, reason))),
    facts([
      ['Sockets', sockets], ['Rooms', rooms], ['CPU', `${Math.round(cpu * 100)} %`, 'share of one core, in the last second'],
      ['Event loop late', `${Math.round(eventLoopDelayMs)} ms`, 'the most, in the last second'], ['Memory', bytesText(memoryBytes)],
      ['Up for', spanText(at - startedAt)], ['Version', version]
    ]))
}

function silentCard (instance) {
  return h('section', { class: 'card', 'aria-label': `Instance ${instance}` },
    h('h3', {}, instance, ' ', chip('no answer', 'bad')),
    h('p', {}, 'It was alive a moment ago and did not answer: it is paused, overloaded, or has just gone.'))
}
