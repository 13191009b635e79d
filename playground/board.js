// The board of one side: sends its own pointer, shows cursors and marks of everyone. Positions are fractions, so that sizes may differ.
const STEP = 0.04
/** Browsers report up to 120 moves per second; 20 look as smooth. */
const MOVE_EVERY_MS = 50
const CURSOR_LIVES_MS = 5000
/** Beyond it, a name has no place to the right of its pointer, or below. */
const FLIP_AT = 0.7

export function createBoard (board, { onMove, onMark }) {
  const cursors = new Map()
  const clamp = value => Math.min(1, Math.max(0, value))
  let own = { x: 0.5, y: 0.5 }
  let lastMove = 0

  function placeOf (event) {
    const { left, top, width, height } = board.getBoundingClientRect()
    return { x: clamp((event.clientX - left) / width), y: clamp((event.clientY - top) / height) }
  }

  function move (place) {
    own = place
    if (performance.now() - lastMove < MOVE_EVERY_MS) return
    lastMove = performance.now()
    onMove(own)
  }

  board.addEventListener('pointermove', event => move(placeOf(event)))
  board.addEventListener('click', event => onMark(placeOf(event)))
  board.addEventListener('keydown', event => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0]
    if (dx !== 0 || dy !== 0) move({ x: clamp(own.x + dx * STEP), y: clamp(own.y + dy * STEP) })
    else if (event.key === 'Enter' || event.key === ' ') onMark(own)
    else return
    event.preventDefault()
  })

  function put (element, { color }, place) {
    element.style.setProperty('--color', color)
    element.style.left = `${clamp(Number(place?.x)) * 100}%`
    element.style.top = `${clamp(Number(place?.y)) * 100}%`
  }

  function forget (userId) {
    cursors.get(userId)?.element.remove()
    cursors.delete(userId)
  }

  return {
    cursor (person, place, isOwn) {
      const known = cursors.get(person.userId)
      const element = known?.element ?? Object.assign(document.createElement('span'), { textContent: person.displayName })
      element.className = isOwn ? 'cursor own' : 'cursor'
      element.classList.toggle('left', place?.x > FLIP_AT)
      element.classList.toggle('up', place?.y > FLIP_AT)
      if (known === undefined) board.append(element)
      put(element, person, place)
      clearTimeout(known?.timer)
      cursors.set(person.userId, { element, timer: setTimeout(() => forget(person.userId), CURSOR_LIVES_MS) })
    },
    mark (person, place) {
      const element = Object.assign(document.createElement('span'), { className: 'mark', title: person.displayName })
      put(element, person, place)
      board.append(element)
    },
    forget,
    clear () {
      for (const mark of board.querySelectorAll('.mark')) mark.remove()
    }
  }
}
