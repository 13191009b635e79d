// A page of hooks, for the test: how often each part was rendered is counted, and a part can be taken away and put back.
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { RoomcastProvider, useEvent, usePresence, usePublish, useReset, useRoom, useStatus } from '@roomcast/client/react'
import type { MountedRoom } from '@roomcast/client/react'

type Cards = { CARD_MOVED: { card: string } }
type Room = MountedRoom<Cards>

const seen = {
  renders: {} as Record<string, number>,
  rooms: new Set<unknown>(),
  publishers: new Set<unknown>(),
  setters: new Set<unknown>(),
  resets: 0,
  publish: (event: 'CARD_MOVED', card: string): Promise<unknown> => Promise.reject(new Error(`not yet: ${event} ${card}`))
}
Object.assign(window, { seen })
const count = (name: string) => { seen.renders[name] = (seen.renders[name] ?? 0) + 1 }
const { searchParams } = new URL(location.href)

function Status () {
  count('status')
  return <p id='status'>{useStatus()}</p>
}

function People ({ room }: { room: Room }) {
  count('people')
  const { collaborators, count: people, setPresence } = usePresence(room)
  seen.setters.add(setPresence)
  const states = collaborators.flatMap(({ sessions }) => sessions.map(({ state }) => JSON.stringify(state)))
  return (
    <>
      <p id='people'>{people}: {collaborators.map(({ displayName }) => displayName).join(', ')}</p>
      <p id='states'>{states.join(' ')}</p>
      <button onClick={() => setPresence({ selected: 'c7' })}>select</button>
    </>
  )
}

function CardList ({ room }: { room: Room }) {
  count('cards')
  const [cards, setCards] = useState<string[]>([])
  useEvent(room, 'CARD_MOVED', ({ payload }) => setCards([...cards, payload.card]))
  return <p id='cards'>{cards.join(' ')}</p>
}

function Board () {
  count('board')
  const room = useRoom<Cards>('acme', 'board-1', searchParams.has('since') ? { since: { epoch: searchParams.get('since') ?? '', offset: 1 } } : {})
  const publish = usePublish(room)
  useReset(room, () => { seen.resets++ })
  seen.rooms.add(room)
  seen.publishers.add(publish)
  seen.publish = (event, card) => publish(event, { card })
  const [hasPeople, setHasPeople] = useState(true)
  return (
    <>
      <CardList room={room} />
      {hasPeople && <People room={room} />}
      <button onClick={() => setHasPeople(!hasPeople)}>people</button>
    </>
  )
}

function App () {
  const [hasBoard, setHasBoard] = useState(true)
  const [hasAll, setHasAll] = useState(true)
  return (
    <>
      {hasAll &&
        <RoomcastProvider url={searchParams.get('url') ?? ''} token={() => `${searchParams.get('token')}\n`}>
          <Status />
          {hasBoard && <Board />}
        </RoomcastProvider>}
      <button onClick={() => setHasBoard(!hasBoard)}>board</button>
      <button onClick={() => setHasAll(!hasAll)}>all</button>
    </>
  )
}

createRoot(document.getElementById('root') as HTMLElement).render(<StrictMode><App /></StrictMode>)
