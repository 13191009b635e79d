// The stock client: socket.io-client as it comes, which subscribes in its `connect` handler and has no code for recovery.
import { io } from 'socket.io-client'
import { element, shortVersion, VERSION_HELP } from './words.js'

/** @param section a `details`: the client connects when it is first opened */
export function createStock (section, { token, workspaceId, appId, socketPath }) {
  const find = selector => section.querySelector(selector)
  const fact = name => find(`[data-fact=${name}]`)
  const offline = find('[data-do=offline]')
  section.addEventListener('toggle', connect, { once: true })
  section.hidden = false

  function connect () {
    const socket = io({ path: socketPath, forceNew: true, auth: async send => send({ token: await token() }) })
    let position
    let updates = 0
    /** Since the connection came back, while SUBSCRIBE has no answer yet: what was missed comes first. */
    let missed = 0

    socket.on('connect', () => {
      const { recovered } = socket
      missed = 0
      socket.emit('application', { event: 'SUBSCRIBE', payload: { workspaceId, appId } }, ({ data, error }) => {
        if (error !== null) return tell('recovered', `${error.code}: ${error.message}`)
        tell('recovered', recovered ? `yes, ${count(missed)} came` : position === undefined ? 'nothing was missed yet' : 'no: an app would load its state anew')
        stand(data)
      })
      show()
    })
    socket.on('unsubscribed', ({ code }) => tell('recovered', `${code}: an app would load its state anew, and subscribe again`))
    socket.on(`workspace_${workspaceId}_app_${appId}`, update => {
      if (update.workspaceId !== workspaceId || update.appId !== appId || update.offset === undefined) return
      if (position !== undefined && update.epoch === position.epoch && update.offset !== position.offset + 1) tell('order', `#${update.offset} came after #${position.offset}`)
      else tell('order', `${count(++updates)}, each once and in order`)
      missed++
      stand(update)
    })
    for (const event of ['disconnect', 'connect_error']) socket.on(event, show)
    find('[data-do=drop]').addEventListener('click', () => socket.io.engine.close())
    offline.addEventListener('click', () => {
      if (socket.active) socket.disconnect()
      else socket.connect()
      show()
    })

    function stand ({ epoch, offset }) {
      position = { epoch, offset }
      fact('position').replaceChildren(element('strong', `#${offset}`), element('span', `version ${shortVersion(epoch)}`, { title: VERSION_HELP }))
    }

    function show () {
      const status = socket.connected ? 'connected' : socket.active ? 'connecting' : 'closed'
      find('.status').textContent = status === 'closed' ? 'offline' : status
      find('.status').dataset.status = status
      offline.textContent = socket.active ? 'Go offline' : 'Come back'
      offline.setAttribute('aria-pressed', String(!socket.active))
    }
  }

  function tell (name, text) {
    fact(name).textContent = text
  }
}

const count = n => `${n} ${n === 1 ? 'update' : 'updates'}`
