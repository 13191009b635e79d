import { StrictMode, useCallback, useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { RoomcastProvider } from '@roomcast/client/react'
import { BoardView } from './BoardView.tsx'
import type { Board } from './board.ts'
import { user } from './user.ts'
import './style.css'

async function token (): Promise<string> {
  return await (await fetch(`/api/token?${new URLSearchParams({ user: user.id, name: user.name })}`)).text()
}

function App () {
  const [start, setStart] = useState<Pick<Board, 'cards' | 'position'>>()
  const [isAnew, setAnew] = useState(false)
  const load = useCallback(async () => {
    const answer = await fetch('/api/board')
    if (answer.ok) setStart(await answer.json())
    else setTimeout(load, 1000)
  }, [])
  useEffect(() => { load() }, [load])
  const onReset = () => {
    setStart(undefined)
    setAnew(true)
    load()
  }
  return (
    <>
      {isAnew && <p role='status'>Not every change could be recovered: the board was loaded anew.</p>}
      {start === undefined ? <p>Loading …</p> : <BoardView start={start} onReset={onReset} />}
    </>
  )
}

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode><RoomcastProvider url={location.origin} token={token}><App /></RoomcastProvider></StrictMode>
)
