// The playground: finds a token for each side and puts two people next to each other.
import { createDemo } from './demo.js'
import { createSide } from './side.js'
import { createStock } from './stock.js'
import { readClaims } from './claims.js'

const fragment = new URLSearchParams(window.location.hash.slice(1))
const name = fragment.get('room') ?? 'acme/board-1'
const [workspaceId, appId] = name.split('/')
const DEMO_USERS = ['ann', 'leo']

const rooms = document.getElementById('switch')
rooms.elements.room.value = name
rooms.addEventListener('submit', event => change(event, 'room', rooms.elements.room.value))
const form = document.getElementById('ask')
form.addEventListener('submit', event => change(event, 'token', form.elements.token.value.trim()))
window.addEventListener('hashchange', () => window.location.reload())
if (fragment.has('demo')) createDemo(document.getElementById('demo'))

const given = fragment.getAll('token')
const isReadable = given.every(isToken)
const sources = isReadable ? await Promise.all(DEMO_USERS.map((user, i) => sourceOf(user, given[i]))) : []
if (!isReadable || sources.some(source => source === undefined)) {
  form.hidden = false
  document.getElementById('unreadable').hidden = isReadable
  form.elements.token.focus()
} else {
  start(sources)
}

/** What the page is about stands in its fragment, which no server sees; the page is loaded anew with it. */
function change (event, key, value) {
  event.preventDefault()
  fragment.set(key, value)
  window.location.hash = fragment.toString()
}

function isToken (text) {
  try {
    return readClaims(text) !== null
  } catch {
    return false
  }
}

/** The source of a side's tokens: the fragment, the demo, or else the other side's token. */
async function sourceOf (user, token) {
  if (token !== undefined) return () => token
  if (await demoToken(user) !== undefined) return () => demoToken(user)
  return given.length > 0 ? () => given[0] : undefined
}

async function demoToken (user) {
  const response = await fetch('/playground/token', {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ user })
  })
  return response.ok ? (await response.json()).data.token : undefined
}

function start (tokens) {
  const room = { workspaceId, appId, socketPath: document.body.dataset.socketPath }
  const sides = tokens.map(token => createSide({ ...room, token, root: document.getElementById('sides') }))
  sides.forEach((side, i) => side.meet(sides[1 - i]))
  createStock(document.getElementById('stock'), { ...room, token: tokens[0] })
}
