// The connections of one user, and what an operator can do to them.
import { bytesText, chip, facts, h, many, roomLink, spanText } from './elements.js'
import { freshness } from './freshness.js'

export function showUser ({ root, words: [userId], service, tell, act }) {
  const form = h('form', { class: 'search', on: { submit: onSearch } },
    h('label', { for: 'user' }, 'User'),
    h('input', { id: 'user', name: 'user', required: true, maxlength: 256, value: userId ?? '', placeholder: 'user id', autocomplete: 'off', spellcheck: 'false' }),
    h('button', { class: 'primary' }, 'Look'))
  const body = h('div')
  root.append(h('div', { class: 'head' }, h('h2', {}, userId ? `User ${userId}` : 'Users'), form), body)
  if (!userId) body.append(h('p', { class: 'card quiet' }, 'Type the id of a user, the sub of the token, to see every connection of theirs: where it is, what it is in, and what waits for it.'))

  function onSearch (event) {
    event.preventDefault()
    window.location.hash = `#/user/${encodeURIComponent(form.elements.user.value.trim())}`
  }

  async function refresh () {
    if (!userId) return tell('')
    const page = await service.get('/sessions', { userId })
    body.replaceChildren(
      h('div', { class: 'actions' },
        h('p', {}, page.sessions.length === 0 ? 'Not connected.' : `${many(page.sessions.length, 'connection')}${page.next === null ? '' : ', and more'}`),
        page.sessions.length === 0 ? undefined : h('button', { type: 'button', class: 'danger', on: { click: disconnect } }, 'Disconnect user')),
      h('div', { class: 'cards' }, page.sessions.map(session => cardOf(session, page.at))))
    tell(...freshness(page))
  }

  function disconnect () {
    return act({
      title: `Disconnect ${userId}?`,
      text: 'Every connection of this user ends now, on every instance. The user may come back; to keep them out, revoke their tokens.',
      button: 'Disconnect',
      path: '/sessions/disconnect',
      body: { userId },
      done: ({ sockets }) => `${many(sockets, 'connection')} of ${userId} ended.`
    })
  }

  function unsubscribe ({ workspaceId, appId }) {
    return act({
      title: `Take ${userId} out of ${workspaceId}/${appId}?`,
      text: 'Every connection of this user leaves the room now, on every instance. With a token that allows it, the user may subscribe again.',
      button: 'Unsubscribe',
      path: '/sessions/unsubscribe',
      body: { userId, workspaceId, appId },
      done: ({ sockets }) => `${many(sockets, 'connection')} of ${userId} left ${workspaceId}/${appId}.`
    })
  }

  function cardOf (session, at) {
    const { id, instance, transport, connectedAt, address, tokenEndsAt, bytesWaiting, roomCount, rooms } = session
    return h('section', { class: 'card', 'aria-label': `Connection ${id}` },
      h('h3', {}, h('code', {}, id)),
      facts([
        ['Instance', instance], ['Transport', transport], ['Connected for', spanText(at - connectedAt)], ['Address', address ?? 'not shown', address === null ? 'needs manage on */*' : undefined],
        ['Token ends in', spanText(tokenEndsAt - at), new Date(tokenEndsAt).toLocaleString()], ['Waiting', bytesText(bytesWaiting), 'what the service holds for it and it has not taken']
      ]),
      h('h4', {}, many(roomCount, 'room'), rooms.length < roomCount ? `, the first ${rooms.length} of them` : ''),
      h('ul', { class: 'rows' }, rooms.map(room => h('li', {},
        roomLink(room), h('span', { class: 'quiet' }, `at #${room.offset}`), room.behind > 0 ? chip(`${room.behind} behind`, 'warn') : undefined,
        h('button', { type: 'button', 'aria-label': `Unsubscribe from ${room.workspaceId}/${room.appId}`, on: { click: () => unsubscribe(room) } }, 'Unsubscribe')))))
  }

  return { refresh }
}
