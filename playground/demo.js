// The buttons of `npm run demo`, which break something. The demo's own script does it and answers when all is back; the
// service knows nothing of them.

/** @param section where the buttons and the outcome go */
export async function createDemo (section) {
  const [buttons, status] = section.children
  const response = await fetch('/demo/')
  if (!response.ok) return
  for (const { name } of await response.json()) {
    if (name === 'nginx') continue
    const button = document.createElement('button')
    button.textContent = name === 'redis' ? 'Restart Redis' : `Kill ${name}`
    button.addEventListener('click', () => end(name))
    buttons.append(button)
  }
  section.hidden = false

  async function end (name) {
    const what = name === 'redis' ? 'Redis' : `I${name.slice(1)}`
    status.textContent = `${what} ends …`
    try {
      const response = await fetch('/demo/end', {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ name })
      })
      const { message, was, pid } = await response.json()
      status.textContent = response.ok ? `${what} was ended (pid ${was}) and runs again (pid ${pid}).` : `${what}: ${message}`
    } catch (error) {
      status.textContent = `${what}: the demo does not answer (${error.message}).`
    }
  }
}
