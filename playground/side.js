// One collaborator: its client, its state, and its controls.
import { createClient } from '/client/index.js'
import { createBoard } from './board.js'

const LOG_LENGTH = 200
const shortEpoch = epoch => epoch.slice(0, 6)

export function createSide ({ token, workspaceId, appId, socketPath, root }) {
  const section = document.getElementById('side').content.firstElementChild.cloneNode(true)
  const find = selector => section.querySelector(selector)
  const fact = name => find(`[data-fact=${name}]`)
  const log = find('.log')
  const status = find('.status')
  const offline = find('[data-do=offline]')
  root.append(section)

  let me = { userId: '', name: '' }
  let other
  /** How many of the next updates are missed ones. */
  let recovering = 0

  const client = createClient(window.location.origin, {
    socket: { path: socketPath },
    token: async () => {
      const text = await token()
      introduce(readClaims(text))
      return text
    }
  })
  const room = client.room(workspaceId, appId)
  const people = new Map()
  const board = createBoard(find('.board'), {
    onMove: place => room.publish('cursor', place, { ephemeral: true }).catch(note),
    onMark: place => publish('MARK', place)
  })

  // ── Events ───────────────────────────────────────────────────────

  client.on('status', showStatus)
  client.on('error', ({ code, message }) => write({ text: `${code}: ${message}`, kind: 'bad' }))
  client.on('draining', ({ reconnectInMs }) => write({ text: `The instance goes away in ${reconnectInMs} ms.`, kind: 'note' }))

  room.on('joined', ({ epoch, offset, recovered, missed }) => {
    recovering = missed
    if (recovered) fact('recovered').textContent = `${missed} ${missed === 1 ? 'update' : 'updates'}`
    write({ text: recovered ? `Back in the room: ${missed} missed, all recovered.` : `In the room at ${shortEpoch(epoch)}:${offset}.`, kind: 'note' })
    showPosition()
  })
  room.on('reset', () => {
    board.clear()
    fact('recovered').textContent = 'no: reset'
    write({ text: 'The past could not be recovered: an app would load its state anew.', kind: 'bad' })
  })
  room.on('error', ({ code, message }) => write({ text: `${code}: ${message}`, kind: 'bad' }))
  room.on('presence', ({ joined, left }) => {
    for (const person of joined) people.set(person.userId, person)
    for (const { userId } of left) board.forget(userId)
    showPresence()
  })
  room.on('update', update => {
    const { event, payload, offset, userId } = update
    const person = personOf(userId)
    if (event === 'cursor') return board.cursor(person, payload, userId === me.userId)
    if (event === 'MARK') board.mark(person, payload)
    const isRecovered = recovering > 0
    if (isRecovered) recovering--
    write({ offset, person, text: describe(event, payload), kind: isRecovered ? 'recovered' : 'live' })
    showPosition()
  })

  // ── Actions ────────────────────────────────────────────────

  find('.say').addEventListener('submit', event => {
    event.preventDefault()
    const input = event.target.elements.text
    publish('MESSAGE', { text: input.value || 'Hello' })
    input.value = ''
  })
  const deeds = { drop: () => client.socket.io.engine.close(), offline: () => goOffline(client.status !== 'closed'), miss }
  for (const [name, deed] of Object.entries(deeds)) find(`[data-do=${name}]`).addEventListener('click', deed)

  async function publish (event, payload) {
    if (!room.isJoined) write({ text: 'Waits until the connection is back.', kind: 'note' })
    try {
      return await room.publish(event, payload)
    } catch (error) {
      note(error)
    }
  }

  function goOffline (isAway) {
    if (isAway) client.socket.disconnect()
    else client.connect()
  }

  async function miss () {
    if (!other.isOnline()) return write({ text: 'The other side is offline, and would publish nothing: bring it back first.', kind: 'note' })
    goOffline(true)
    for (let n = 1; n <= 3; n++) await other.publish('MESSAGE', { text: `while ${me.name} was away, ${n} of 3` })
    goOffline(false)
  }

  // ── Display ───────────────────────────────────────────────────────────────

  function introduce ({ sub = '?', name = sub, capabilities = {}, exp = 0 }) {
    me = { userId: sub, name }
    find('h2').textContent = name
    section.setAttribute('aria-label', name)
    fact('capabilities').replaceChildren(...Object.entries(capabilities).map(([resource, actions]) => chip(`${resource}: ${actions.join(', ')}`)))
    fact('capabilities').title = `until ${new Date(exp * 1000).toLocaleString()}`
  }

  function showStatus (now) {
    const isAway = now === 'closed'
    status.textContent = isAway ? 'offline' : now
    status.dataset.status = now
    section.classList.toggle('away', now !== 'connected')
    offline.textContent = isAway ? 'Come back' : 'Go offline'
    offline.setAttribute('aria-pressed', String(isAway))
    const [instance, session] = now === 'connected' ? client.sessionId.split('.') : ['–', '–']
    fact('instance').textContent = instance
    fact('session').textContent = session.slice(0, 8)
  }

  function showPosition () {
    const { epoch, offset } = room.position
    fact('position').replaceChildren(strong(`#${offset}`), ` in epoch ${shortEpoch(epoch)}`)
  }

  function showPresence () {
    const { collaborators, count } = room.presence
    const mine = collaborators.find(({ userId }) => userId === me.userId)
    if (mine !== undefined) section.style.setProperty('--own', mine.color)
    fact('presence').replaceChildren(...collaborators.map(({ displayName, color }) => chip(displayName, color)), ` ${count}`)
  }

  function personOf (userId) {
    return people.get(userId) ?? { userId, displayName: userId, color: '#808080' }
  }

  function note (error) {
    write({ text: `${error.code ?? 'error'}: ${error.message}`, kind: 'bad' })
  }

  function write ({ offset, person, text, kind }) {
    const line = document.createElement('li')
    line.className = kind
    if (offset !== undefined) {
      line.append(strong(`#${offset}`), chip(person.displayName, person.color))
      if (kind === 'recovered') line.append(tag('recovered'))
    }
    line.append(text)
    log.prepend(line)
    while (log.children.length > LOG_LENGTH) log.lastChild.remove()
  }

  return {
    publish,
    isOnline: () => client.status === 'connected',
    meet (side) { other = side }
  }
}

function describe (event, payload) {
  if (event === 'MESSAGE') return String(payload?.text)
  if (event === 'MARK') return 'marked a place'
  return `${event} ${JSON.stringify(payload)}`
}

export function readClaims (token) {
  const text = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, letter => letter.charCodeAt(0))))
}

function strong (text) {
  return Object.assign(document.createElement('strong'), { textContent: text })
}

function tag (text) {
  return Object.assign(document.createElement('em'), { textContent: text })
}

function chip (text, color) {
  const element = Object.assign(document.createElement('span'), { className: 'chip', textContent: text })
  if (color !== undefined) element.style.setProperty('--color', color)
  return element
}
