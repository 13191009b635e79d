// Plain reads of the positions of many rooms, without the promise and the closures that ioredis makes for a command: every
// room is read every few seconds.
import type { Command, Redis } from 'ioredis'

/** What a room's hash says: its epoch and offset, and the process that wrote it last. Null where there is none. */
export type Meta = [epoch: string | null, offset: string | null, run: string | null]

/** @returns in the order of the keys; an error for a key that was not read */
export function readMetas (redis: Redis, keys: string[]): Promise<Array<Meta | Error>> {
  return new Promise(resolve => {
    const answers = Array<Meta | Error>(keys.length)
    let unanswered = keys.length
    const answer = (i: number, found: Meta | Error): void => {
      answers[i] = found
      unanswered--
      if (unanswered === 0) resolve(answers)
    }
    for (const [i, key] of keys.entries()) redis.sendCommand(new MetaRead(key, found => answer(i, found)) as unknown as Command)
  })
}

/** The parts of a command that ioredis 6.0 uses. package.json takes no later minor version, which may use others. */
class MetaRead {
  readonly name = 'hmget'
  /** A trace of ioredis would wait for its promise. */
  readonly isTraced = true
  readonly args: string[]
  readonly resolve: (reply: Array<Buffer | null>) => void
  readonly reject: (error: Error) => void

  constructor (key: string, answer: (found: Meta | Error) => void) {
    this.args = [key, 'epoch', 'offset', 'run']
    this.resolve = reply => answer(reply.map(readText) as Meta)
    this.reject = answer
  }

  toWritable (): string {
    const [key = ''] = this.args
    return `*5\r\n$5\r\nhmget\r\n$${Buffer.byteLength(key)}\r\n${key}\r\n$5\r\nepoch\r\n$6\r\noffset\r\n$3\r\nrun\r\n`
  }

  setReplyContext (): void {}
}

function readText (field: Buffer | null): string | null {
  return field === null ? null : field.toString('latin1')
}
