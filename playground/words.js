// What the parts of the page share: how things are said, and the small elements that say them.

/** Enough of a room's version (the protocol's epoch) to see that it is another one. */
export const shortVersion = epoch => epoch.slice(0, 6)
export const VERSION_HELP = "Updates are counted within a version of the room (the protocol's epoch). A new version means that the past was lost."

export function describe (event, payload) {
  if (event === 'MESSAGE') return String(payload?.text)
  if (event === 'MARK') return 'marked a place'
  return `${event} ${JSON.stringify(payload)}`
}

/** @param resource of a token's capabilities: `acme/*` */
export function describeRooms (resource) {
  const [workspaceId, appId] = resource.split('/')
  if (appId !== '*') return workspaceId === '*' ? `${appId} of every workspace` : resource
  return workspaceId === '*' ? 'every room' : `every room of ${workspaceId}`
}

/** What the sessions of a person say that they do; here an object with `doing`, in another app whatever it likes. */
export function describeDoing (sessions) {
  const doing = sessions.map(({ state }) => state?.doing ?? state).filter(state => state !== null)
  return [...new Set(doing.map(state => typeof state === 'string' ? state : JSON.stringify(state)))].join(', ')
}

/** The command that publishes the same from a terminal. */
export function curlOf ({ url, token, update }) {
  return [
    `curl ${url}/api/v1/publish`,
    `-H ${quote(`Authorization: Bearer ${token}`)}`,
    "-H 'Content-Type: application/json'",
    `-d ${quote(JSON.stringify(update))}`
  ].join(' \\\n  ')
}

/** For a POSIX shell. */
function quote (text) {
  return `'${text.replaceAll("'", "'\\''")}'`
}

export function element (tag, text, properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text, ...properties })
}

export function chip (text, color) {
  const span = element('span', text, { className: 'chip' })
  if (color !== undefined) span.style.setProperty('--color', color)
  return span
}
