// Tracks which long-polling answers a client has read. Node only knows that an answer went to the kernel, which takes
// megabytes even if the client reads nothing. Only a later request shows that the answer arrived.
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

interface Poll {
  response: ServerResponse
  tcp: Socket
  bytes: number
  isFinished: boolean
  /** Bytes read from the TCP connection when the answer was finished. If it reads more, a later request came. */
  bytesRead: number
}

export interface Polls {
  /** A new poll has arrived, so the previous answer was read. */
  onPoll (response: ServerResponse): void
  /** Adds bytes to the answer of the current poll. */
  answer (bytes: number): void
  /** The client has switched to a WebSocket: no more polls come. */
  onUpgrade (): void
  /** Bytes in answers that are unfinished, or not followed by a poll yet. */
  unfollowed (): number
  /** Bytes in all answers that may be unread. */
  unread (): number
  /** A number that changes whenever the client makes progress. */
  progress (): number
  /** Ends the connections of unfinished answers, which frees their memory. */
  destroy (): void
}

export function createPolls (): Polls {
  let answered: Poll[] = []
  let current: Poll | undefined
  let progress = 0

  /** Its TCP connection was closed, or carried a later request, which shows that the answer was read. */
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
