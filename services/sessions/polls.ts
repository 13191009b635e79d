// Long polling: what a client was answered and has not shown to have read. Node knows when an answer went to the kernel,
// and a kernel takes megabytes for a client that reads nothing: only what comes after an answer shows that it arrived.
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

interface Poll {
  response: ServerResponse
  tcp: Socket
  bytes: number
  isFinished: boolean
  /** What the TCP connection had read when the answer was finished: more than that is a later request. */
  bytesRead: number
}

export interface Polls {
  /** A poll has come: the one before it was followed. */
  onPoll (response: ServerResponse): void
  /** Bytes that the poll under way is answered with. */
  answer (bytes: number): void
  /** The client goes on over a WebSocket: no poll follows. */
  onUpgrade (): void
  /** Bytes in answers that are not finished, or that no poll has followed yet. */
  unfollowed (): number
  /** Bytes in all answers that may be unread. */
  unread (): number
  /** Changes whenever the client has come on. */
  progress (): number
  /** Ends the connections of unfinished answers, and so frees them. */
  destroy (): void
}

export function createPolls (): Polls {
  let answered: Poll[] = []
  let current: Poll | undefined
  let progress = 0

  /** Its TCP connection was closed, or carried a later request, which a client sends when it has read the answer. */
  function isRead ({ tcp, isFinished, bytesRead }: Poll): boolean {
    return tcp.destroyed || (isFinished && tcp.bytesRead > bytesRead)
  }

  function sweep (): Poll[] {
    if (answered.some(isRead)) answered = answered.filter(poll => !isRead(poll))
    return answered
  }

  return {
    onPoll (response) {
      const tcp = response.socket
      if (tcp === null) return
      progress++
      const poll: Poll = { response, tcp, bytes: 0, isFinished: false, bytesRead: 0 }
      response.once('finish', () => {
        poll.isFinished = true
        poll.bytesRead = tcp.bytesRead
        progress++
      })
      current = poll
    },

    answer (bytes) {
      if (current === undefined) return
      if (current.bytes === 0) answered.push(current)
      current.bytes += bytes
    },

    onUpgrade () {
      current = undefined
      answered = answered.filter(poll => !poll.isFinished)
    },

    unfollowed: () => sumOf(sweep().filter(poll => poll === current || !poll.isFinished)),
    unread: () => sumOf(sweep()),
    progress: () => progress,

    destroy () {
      for (const { response, isFinished } of answered) if (!isFinished) response.destroy()
      answered = []
    }
  }
}

function sumOf (polls: Poll[]): number {
  return polls.reduce((sum, { bytes }) => sum + bytes, 0)
}
