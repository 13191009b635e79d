// The facts of one side: its connection, its room, the people there, and what its token allows.
import { chip, describeDoing, describeRooms, element, shortVersion, VERSION_HELP } from './words.js'

export function createFacts (section) {
  const fact = name => section.querySelector(`[data-fact=${name}]`)
  const status = section.querySelector('.status')
  const offline = section.querySelector('[data-do=offline]')

  return {
    introduce ({ sub = '?', name = sub, capabilities = {}, exp = 0 }) {
      section.querySelector('h2').textContent = name
      section.setAttribute('aria-label', name)
      fact('capabilities').replaceChildren(...Object.entries(capabilities).map(([resource, actions]) => element('span', `${describeRooms(resource)}: ${actions.join(', ')}`)))
      fact('capabilities').title = `until ${new Date(exp * 1000).toLocaleString()}`
    },
    /** @param sessionId `instance.connection` */
    status (now, sessionId) {
      const isAway = now === 'closed'
      status.textContent = isAway ? 'offline' : now
      status.dataset.status = now
      section.classList.toggle('away', now !== 'connected')
      offline.textContent = isAway ? 'Come back' : 'Go offline'
      offline.setAttribute('aria-pressed', String(isAway))
      const [instance, connection] = now === 'connected' ? sessionId.split('.') : ['–', '–']
      fact('instance').textContent = instance
      fact('session').textContent = connection.slice(0, 8)
    },
    position ({ epoch, offset }) {
      fact('position').replaceChildren(element('strong', `#${offset}`), element('span', `version ${shortVersion(epoch)}`, { title: VERSION_HELP }))
    },
    recovered (text) { fact('recovered').textContent = text },
    presence ({ collaborators, count }, userId) {
      const mine = collaborators.find(person => person.userId === userId)
      if (mine !== undefined) section.style.setProperty('--own', mine.color)
      fact('presence').replaceChildren(...collaborators.map(({ displayName, color, sessions }) => {
        const doing = describeDoing(sessions)
        return chip(doing === '' ? displayName : `${displayName} · ${doing}`, color)
      }), ` ${count}`)
    }
  }
}
