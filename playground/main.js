// The playground: finds a token for each side and puts two collaborators next to each other.
import { createSide, readClaims } from './side.js'

const fragment = new URLSearchParams(window.location.hash.slice(1))
const [workspaceId, appId] = (fragment.get('room') ?? 'acme/board-1').split('/')
const DEMO_USERS = ['ann', 'leo']

document.getElementById('room').textContent = `${workspaceId}/${appId}`
const form = document.getElementById('ask')
form.addEventListener('submit', event => {
  event.preventDefault()
  fragment.set('token', form.elements.token.value.trim())
  window.location.hash = fragment.toString()
})
window.addEventListener('hashchange', () => window.location.reload())

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
  const sides = tokens.map(token => createSide({
    token, workspaceId, appId, socketPath: document.body.dataset.socketPath, root: document.getElementById('sides')
  }))
  sides.forEach((side, i) => side.meet(sides[1 - i]))
}
