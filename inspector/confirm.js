// A question before something is ended.

/** @returns {Promise<boolean>} */
export function confirmed ({ title, text, button }) {
  const dialog = document.getElementById('confirm')
  dialog.querySelector('h2').textContent = title
  dialog.querySelector('p').textContent = text
  dialog.querySelector('[value=yes]').textContent = button
  dialog.returnValue = 'no'
  dialog.showModal()
  return new Promise(resolve => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true }))
}
