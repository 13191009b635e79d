// All rooms with members, a page after the other.
import { h, many, roomLink, shortEpoch, table } from './elements.js'
import { freshness } from './freshness.js'

const COLUMNS = [
  { head: 'Room' }, { head: 'Users', number: true, wide: true }, { head: 'Sockets', number: true }, { head: 'Behind', number: true },
  { head: 'Updates / min', number: true }, { head: 'Position', wide: true }, { head: 'Instances', number: true, wide: true }
]

export function showRooms ({ root, service, tell, again }) {
  const list = h('div', { class: 'card' })
  const more = h('button', { type: 'button', hidden: true, on: { click: () => { pages++; again() } } }, 'Show more')
  const form = h('form', { class: 'search', on: { submit: onSearch } },
    h('label', { for: 'workspace' }, 'Workspace'),
    h('input', { id: 'workspace', name: 'workspace', placeholder: 'all', pattern: '[A-Za-z0-9_.\\-]{1,64}', autocomplete: 'off', spellcheck: 'false' }),
    h('button', {}, 'Filter'))
  root.append(h('div', { class: 'head' }, h('h2', {}, 'Rooms'), form), list, more)
  let workspaceId = ''
  let pages = 1

  function onSearch (event) {
    event.preventDefault()
    workspaceId = form.elements.workspace.value.trim()
    pages = 1
    again()
  }

  async function refresh () {
    const rooms = []
    let page
    for (let n = 0; n < pages; n++) {
      page = await service.get('/rooms', { ...workspaceId && { workspaceId }, ...page && { after: page.next } })
      rooms.push(...page.rooms)
      if (page.next === null) break
    }
    more.hidden = page.next === null
    list.replaceChildren(rooms.length === 0
      ? h('p', { class: 'quiet' }, workspaceId ? `No room of ${workspaceId} has members.` : 'No room has members. Rooms appear here as soon as somebody subscribes.')
      : table(`${many(rooms.length, 'room')} with members${page.next === null ? '' : ', and more'}`, COLUMNS, rooms.map(rowOf)))
    tell(...freshness(page))
  }

  return { refresh }
}

function rowOf (room) {
  return [
    roomLink(room), room.members, room.sockets, room.behind === 0 ? 0 : h('strong', { class: 'warn' }, room.behind), room.updatesPerMinute,
    h('span', { title: `epoch ${room.epoch}` }, `#${room.offset} in ${shortEpoch(room.epoch)}`), room.instances.length
  ]
}
