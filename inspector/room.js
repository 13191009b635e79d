// One room: its position by polling; its updates and people by a socket of its own, if the token allows that.
import { createClient } from '/inspector/client/index.js'
import { chip, facts, h, many, shortEpoch, table, userLink } from './elements.js'
import { freshness } from './freshness.js'
import { readClaims } from './claims.js'
import { createUpdates } from './updates.js'

const COLUMNS = [{ head: 'Instance' }, { head: 'Users', number: true }, { head: 'Sockets', number: true }, { head: 'Behind', number: true }, { head: 'Position', wide: true }]

export function showRoom ({ root, words: [workspaceId = '', appId = ''], service, tell }) {
  const status = chip('connecting', 'warn')
  const [standing, places, people] = [h('div'), h('div'), h('div', { class: 'people' }, h('p', { class: 'quiet' }, 'Nobody, or none that this token may see.'))]
  const updates = createUpdates(service.now)
  root.append(
    h('div', { class: 'head' }, h('h2', {}, `Room ${workspaceId}/${appId}`), h('span', { role: 'status' }, status)),
    h('div', { class: 'columns' },
      h('section', { class: 'card', 'aria-label': 'Standing' }, standing, places, h('h3', {}, 'Here now'), people,
        h('p', { class: 'quiet' }, 'To see it live, this page is a member of the room. With presence in your token, the others see you here.')),
      updates.element))

  const { sub } = readClaims(service.token)
  const client = createClient(window.location.origin, { token: () => service.token, socket: { path: document.body.dataset.socketPath } })
  const room = client.room(workspaceId, appId)

  client.on('error', ({ code }) => setStatus(`not live: ${code}`, 'bad'))
  client.on('status', () => { if (client.status === 'connecting') setStatus('connecting', 'warn') })
  room.on('joined', () => setStatus('live', 'good'))
  room.on('reset', () => updates.note('The room began anew: its offsets count from a new epoch.'))
  room.on('update', update => updates.add(update, false))
  room.on('presence', showPeople)
  room.on('error', ({ code }) => setStatus(code === 'auth/forbidden' ? 'asked every 3 s: the token may not subscribe' : `not live: ${code}`, 'warn'))

  function setStatus (text, kind) {
    status.textContent = text
    status.className = `chip ${kind}`
  }

  function showPeople () {
    const { collaborators, count } = room.presence
    const shownAll = collaborators.map(({ userId, displayName, sessions }) => h('li', {}, userLink(userId, displayName), userId === sub ? h('span', { class: 'quiet' }, ' (you)') : undefined, sessions.length > 1 ? h('span', { class: 'quiet' }, ` ×${sessions.length}`) : undefined))
    people.replaceChildren(count === 0
      ? h('p', { class: 'quiet' }, 'Nobody, or none that this token may see.')
      : collaborators.length === 0 ? h('p', {}, `${count} people; too many to list.`) : h('ul', {}, shownAll))
  }

  return {
    async refresh () {
      const page = await service.get(`/workspaces/${encodeURIComponent(workspaceId)}/apps/${encodeURIComponent(appId)}`)
      standing.replaceChildren(facts([
        ['Position', `#${page.offset}`], ['Epoch', shortEpoch(page.epoch), page.epoch], ['Updates a minute', page.updatesPerMinute],
        ['Users', page.members], ['Sockets', page.sockets], ['Behind', page.behind === 0 ? 0 : h('strong', { class: 'warn' }, page.behind), 'connections that have not been given all updates yet']
      ]))
      places.replaceChildren(page.instances.length === 0
        ? h('p', { class: 'quiet' }, 'No instance has members of this room.')
        : table(captionOf(page.instances), COLUMNS, page.instances.map(({ instance, members, sockets, behind, offset }) => [instance, members, sockets, behind, `#${offset}`])))
      for (const update of page.updates.toReversed()) updates.add(update, true)
      tell(...freshness(page))
    },
    end: () => client.close()
  }
}

function captionOf ({ length }) {
  return `On ${many(length, 'instance')}${length > 1 ? '; a user on several of them counts on each' : ''}`
}
