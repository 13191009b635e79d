// One collaborator: its client, its state, and its controls.
import { createClient } from '/client/index.js'
import { createBoard } from './board.js'
import { createFacts } from './facts.js'
import { createForms } from './forms.js'
import { createLog } from './log.js'
import { readClaims } from './claims.js'

export function createSide ({ token, workspaceId, appId, socketPath, root }) {
  const section = document.getElementById('side').content.firstElementChild.cloneNode(true)
  const find = selector => section.querySelector(selector)
  root.append(section)
  const log = createLog(find('.log ol'))
  const facts = createFacts(section)

  let me = { userId: '', name: '' }
  let other
  /** How many of the next updates are missed ones. */
  let recovering = 0

  const client = createClient(window.location.origin, {
    socket: { path: socketPath },
    token: async () => {
      const text = await token()
      const { sub = '?', name = sub, ...claims } = readClaims(text)
      me = { userId: sub, name }
      facts.introduce({ sub, name, ...claims })
      return text
    }
  })
  const room = client.room(workspaceId, appId)
  const people = new Map()
  const board = createBoard(find('.board'), {
    onMove: place => room.publish('cursor', place, { ephemeral: true }).catch(onFault),
    onMark: place => publish('MARK', place)
  })
  createForms(section, { room: { workspaceId, appId }, token, publish, tell: log.note })

  // ── Events ───────────────────────────────────────────────────────

  client.on('status', now => facts.status(now, client.sessionId))
  client.on('error', onFault)
  client.on('draining', ({ reconnectInMs }) => log.note(`The instance goes away in ${reconnectInMs} ms.`))

  room.on('joined', ({ offset, recovered, missed }) => {
    recovering = missed
    if (recovered) facts.recovered(`${missed} ${missed === 1 ? 'update' : 'updates'}`)
    log.note(recovered ? `Back in the room: ${missed} missed, all recovered.` : `In the room, at update ${offset}.`)
    facts.position(room.position)
  })
  room.on('reset', () => {
    board.clear()
    facts.recovered('no, it is too late')
    log.fault('Not everything could be recovered: an app would load its state anew.')
  })
  room.on('error', onFault)
  room.on('presence', ({ collaborators, left }) => {
    for (const person of collaborators) people.set(person.userId, person)
    for (const { userId } of left) board.forget(userId)
    facts.presence(room.presence, me.userId)
  })
  room.on('update', update => {
    const { event, payload, userId } = update
    const person = people.get(userId) ?? { userId, displayName: userId, color: '#808080' }
    if (event === 'cursor') return board.cursor(person, payload, userId === me.userId)
    if (event === 'MARK') board.mark(person, payload)
    const isRecovered = recovering > 0
    if (isRecovered) recovering--
    log.update(update, person, isRecovered)
    facts.position(room.position)
  })

  // ── Actions ────────────────────────────────────────────────

  const deeds = { drop: () => client.socket.io.engine.close(), offline: () => goOffline(client.status !== 'closed'), miss }
  for (const [name, deed] of Object.entries(deeds)) find(`[data-do=${name}]`).addEventListener('click', deed)
  const doing = find('[name=doing]')
  doing.addEventListener('change', () => room.setPresence(doing.value === '' ? null : { doing: doing.value }))

  async function publish (event, payload) {
    if (!room.isJoined) log.note('Waits until the connection is back.')
    try {
      return await room.publish(event, payload)
    } catch (error) {
      onFault(error)
    }
  }

  function goOffline (isAway) {
    if (isAway) client.socket.disconnect()
    else client.connect()
  }

  async function miss () {
    if (!other.isOnline()) return log.note('The other side is offline, and would publish nothing: bring it back first.')
    goOffline(true)
    for (let n = 1; n <= 3; n++) await other.publish('MESSAGE', { text: `while ${me.name} was away, ${n} of 3` })
    goOffline(false)
  }

  function onFault ({ code = 'error', message }) {
    log.fault(`${code}: ${message}`)
  }

  return {
    publish,
    isOnline: () => client.status === 'connected',
    meet (side) { other = side }
  }
}
