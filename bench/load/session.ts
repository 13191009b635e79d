// A thin Socket.IO session: requests with their answers, and events as the text they came in.
import type { Result } from '../../services/wire/protocol.ts'
import { SOCKET_IO_PATH } from '../peers/peers.ts'
import type { LoadRoom } from './dialects.ts'
import { openWire, type WireOptions } from './wire.ts'

export interface SessionOptions extends Omit<WireOptions, 'path'> {
  token: string
  /** An event as `["name",…]`. */
  onEvent?: (text: string) => void
  /** Once, when a session that was open has ended. */
  onEnd?: () => void
}

export interface Session {
  /** `onAnswer` is called before anything that came after the answer is read; never when the session ends before. */
  request<T> (event: string, data: unknown, onAnswer: (answer: Result<T>) => void): void
  close (): void
}

/** The server does not want this client back. */
export class RefusedForGood extends Error {}

/** @throws RefusedForGood, or Error where a later attempt may do */
export async function openSession ({ token, onEvent, onEnd, ...options }: SessionOptions): Promise<Session> {
  const waiting = new Map<number, (answer: Result<never>) => void>()
  let asked = 0
  let isOpen = false

  return await new Promise((resolve, reject) => {
    const wire = openWire({ ...options, path: SOCKET_IO_PATH }, {
      onOpen () {},
      onText (buffer, start, end) { onPacket(buffer.toString('utf8', start, end)) },
      onClose (error) {
        if (isOpen) onEnd?.()
        else reject(error ?? new Error('refused: closed before it was open'))
      }
    })

    const session: Session = {
      request (event, data, onAnswer) {
        waiting.set(asked, onAnswer)
        wire.send(`42${asked++}${JSON.stringify([event, data])}`)
      },
      close: () => wire.close()
    }

    function onPacket (text: string): void {
      if (text.startsWith('42')) return onEvent?.(text.slice(2))
      if (text.startsWith('43')) return onAnswer(text)
      if (text === '2') return wire.send('3')
      // Positions are for stock clients; this one keeps its own.
      if (text.startsWith('0')) return wire.send(`40${JSON.stringify({ token, positions: false })}`)
      if (text.startsWith('40')) {
        isOpen = true
        resolve(session)
      } else if (text.startsWith('44')) {
        reject(new RefusedForGood(text))
        wire.close()
      }
    }

    function onAnswer (text: string): void {
      const at = text.indexOf('[')
      const id = Number(text.slice(2, at))
      const [answer] = JSON.parse(text.slice(at)) as [Result<never>]
      waiting.get(id)?.(answer)
      waiting.delete(id)
    }
  })
}

/** Resolves when it is in. @throws Error when it is refused */
export async function subscribe (session: Session, room: LoadRoom): Promise<void> {
  await ask(session, 'SUBSCRIBE', room)
}

export async function unsubscribe (session: Session, room: LoadRoom): Promise<void> {
  await ask(session, 'UNSUBSCRIBE', room)
}

async function ask (session: Session, event: string, payload: LoadRoom): Promise<void> {
  const { status, error } = await new Promise<Result<unknown>>(resolve => { session.request('application', { event, payload }, resolve) })
  if (status === 'ERROR') throw new Error(`${event} was refused: ${error.code}`)
}
