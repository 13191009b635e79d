// How one side publishes: a text, any event with any JSON, or the same as a command for a terminal.
import { curlOf } from './words.js'

/**
 * @param publish gets event and payload
 * @param tell gets what became of a command that was to be copied
 */
export function createForms (section, { room, token, publish, tell }) {
  const say = section.querySelector('.say')
  const any = section.querySelector('.any form')
  const { event: name, payload } = any.elements

  say.addEventListener('submit', event => {
    event.preventDefault()
    const { text } = say.elements
    publish('MESSAGE', { text: text.value || 'Hello' })
    text.value = ''
  })

  any.addEventListener('submit', event => {
    event.preventDefault()
    publish(name.value, JSON.parse(payload.value))
  })
  // Said by the browser where one submits, as for the other fields.
  payload.addEventListener('input', () => payload.setCustomValidity(faultOf(payload.value)))

  any.querySelector('[data-do=curl]').addEventListener('click', async () => {
    if (!any.reportValidity()) return
    const command = curlOf({ url: window.location.origin, token: await token(), update: { ...room, event: name.value, payload: JSON.parse(payload.value) } })
    // Only pages of this machine or with https have one.
    if (navigator.clipboard === undefined) return tell('The clipboard is for pages with https, or at 127.0.0.1: open the playground there to copy.')
    await navigator.clipboard.writeText(command).then(() => tell('Copied, with this side’s token: paste it into a terminal.'), error => tell(`Not copied: ${error.message}`))
  })
}

/** Empty where it is JSON. */
function faultOf (text) {
  try {
    JSON.parse(text)
    return ''
  } catch (error) {
    return `This is not JSON: ${error.message}`
  }
}
