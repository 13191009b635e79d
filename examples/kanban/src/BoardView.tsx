import { useReducer, useRef, type PointerEvent } from 'react'
import { usePresence, usePublish, useEvent, useReset, useRoom, useStatus } from '@roomcast/client/react'
import { cardsOf, reduce, type Board, type BoardEvents } from './board.ts'
import { Cursors } from './Cursors.tsx'

const columns = ['To do', 'Doing', 'Done']
const CURSOR_MS = 50

/** The board, starting from a given state. If updates were lost, `onReset` loads a new one. */
export function BoardView ({ start, onReset }: { start: Pick<Board, 'cards' | 'position'>, onReset: () => void }) {
  const room = useRoom<BoardEvents>('acme', 'board', { since: start.position })
  const publish = usePublish(room)
  const [board, dispatch] = useReducer(reduce, { ...start, moves: [] })
  useEvent(room, 'CARD_MOVED', update => dispatch({ type: 'heard', update }))
  useReset(room, onReset)
  const lastCursor = useRef(0)

  async function move (card: string, column: string) {
    const id = `${Date.now()}-${Math.random()}`
    dispatch({ type: 'moved', id, move: { card, column } })
    try {
      const { offset } = await publish('CARD_MOVED', { card, column }, { id })
      dispatch({ type: 'accepted', id, offset: offset ?? 0 })
    } catch (error) {
      console.error(error)
      dispatch({ type: 'refused', id })
    }
  }

  function onPointerMove ({ clientX, clientY, currentTarget }: PointerEvent) {
    if (Date.now() - lastCursor.current < CURSOR_MS) return
    lastCursor.current = Date.now()
    const { left, top, width, height } = currentTarget.getBoundingClientRect()
    publish('cursor', { x: (clientX - left) / width, y: (clientY - top) / height }, { ephemeral: true })
  }

  return (
    <>
      <header><h1>Board</h1> <People {...usePresence(room)} /> <output>{useStatus()}</output></header>
      <main onPointerMove={onPointerMove}>
        {columns.map(column =>
          <section key={column} aria-label={column} onDragOver={event => event.preventDefault()} onDrop={event => move(event.dataTransfer.getData('text'), column)}>
            <h2>{column}</h2>
            {cardsOf(board).filter(card => card.column === column).map(({ id, title }) =>
              <article key={id} draggable onDragStart={event => event.dataTransfer.setData('text', id)} data-waiting={board.moves.some(({ move }) => move.card === id)}>
                {title}
                <select aria-label={`Column of ${title}`} value={column} onChange={event => move(id, event.target.value)}>
                  {columns.map(name => <option key={name}>{name}</option>)}
                </select>
              </article>)}
          </section>)}
        <Cursors room={room} />
      </main>
    </>
  )
}

function People ({ collaborators }: ReturnType<typeof usePresence>) {
  return <ul aria-label='People'>{collaborators.map(({ userId, displayName, color }) => <li key={userId} style={{ borderColor: color }}>{displayName}</li>)}</ul>
}
