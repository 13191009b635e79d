// The inspector: takes a token, shows the view that the fragment names, and asks again every few seconds.
import { confirmed } from './confirm.js'
import { showInstances } from './instances.js'
import { showRoom } from './room.js'
import { showRooms } from './rooms.js'
import { readClaims } from './claims.js'
import { createService } from './service.js'
import { showUser } from './user.js'

const views = { rooms: showRooms, room: showRoom, user: showUser, instances: showInstances }
const ASK_AGAIN_MS = 3000

const view = document.getElementById('view')
const ask = document.getElementById('ask')
const refused = document.getElementById('refused')
const news = document.getElementById('news')
const who = document.getElementById('who')
const nav = document.querySelector('nav')

let service
/** The view that is shown: what it was called with, and how it ends. */
let shown = { end: () => {} }

ask.addEventListener('submit', event => {
  event.preventDefault()
  begin(ask.elements.token.value.trim())
})
document.getElementById('forget').addEventListener('click', () => window.location.assign(window.location.pathname))
window.addEventListener('hashchange', onAddress)
onAddress()

function onAddress () {
  const fragment = window.location.hash.slice(1)
  const token = new URLSearchParams(fragment).get('token')
  // Not kept in the address either, where the history of the browser would have it.
  if (token !== null) {
    window.history.replaceState(null, '', '#/rooms')
    begin(token.trim())
  } else if (service === undefined) {
    askForToken()
  } else {
    show()
  }
}

function begin (token) {
  try {
    const { sub, exp } = readClaims(token)
    who.firstElementChild.textContent = `${sub}, until ${new Date(exp * 1000).toLocaleString([], { dateStyle: 'short', timeStyle: 'short' })}`
  } catch {
    return askForToken('That is not a token (three parts of text with dots between them). Paste another one.')
  }
  service = createService(token)
  ask.reset()
  show()
}

function askForToken (why) {
  service = undefined
  shown.end()
  news.textContent = ''
  for (const element of [nav, who]) element.hidden = true
  refused.hidden = why === undefined
  refused.textContent = why ?? ''
  ask.hidden = false
  view.replaceChildren(ask)
  ask.elements.token.focus()
}

function show () {
  const [name, ...words] = window.location.hash.replace(/^#\/?/, '').split('/').map(decoded)
  const known = Object.hasOwn(views, name) ? name : 'rooms'
  shown.end()
  for (const element of [nav, who]) element.hidden = false
  const active = known === 'room' ? 'rooms' : known
  for (const link of nav.children) {
    if (link.hash === `#/${active}`) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  shown = start(views[known], words)
}

/** A part of an address that somebody typed: it need not be well encoded. */
function decoded (part) {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Shows a view, and lets it ask again while the page is visible. */
function start (createView, words) {
  let timer
  let isOver = false
  const root = document.createElement('div')
  view.replaceChildren(root)
  const { refresh, end = () => {} } = createView({ root, words, service, tell, act, again: () => again() })
  const again = async () => {
    clearTimeout(timer)
    if (!document.hidden) await attempt(refresh, () => isOver)
    if (!isOver) timer = setTimeout(again, ASK_AGAIN_MS)
  }
  again()
  return {
    again,
    end () {
      isOver = true
      clearTimeout(timer)
      end()
    }
  }
}

async function attempt (deed, isOver = () => false) {
  try {
    await deed()
  } catch (error) {
    if (isOver()) return
    if (['auth/invalid-token', 'auth/token-expired', 'auth/token-revoked', 'auth/missing-token'].includes(error.code)) return askForToken(error.message)
    tell(error.code === undefined ? `The service does not answer (${error.message}). Trying again.` : `${error.code}: ${error.message}`, 'bad')
  }
}

/** Something that changes things: only after a question, and its result is told. */
async function act ({ title, text, button, path, body, done }) {
  if (!await confirmed({ title, text, button })) return
  await attempt(async () => {
    const result = await service.post(path, body)
    tell(`${done(result)}${result.complete ? '' : ' An instance did not answer: it does so when it is back.'}`, result.complete ? 'good' : 'warn')
    shown.hasNews = true
    await shown.again?.()
  })
}

/** One line for everybody, read out by screen readers. What a person did stays until something else happens. */
function tell (text, kind = '') {
  if (kind === '' && shown.hasNews) return
  if (news.textContent !== text) news.textContent = text
  news.className = `news ${kind}`.trim()
}
