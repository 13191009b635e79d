// A small server that speaks as Redis does, with the texts of Redis 6.2 or whatever a test gives it: for refusals that a
// real one cannot be brought to. It keeps nothing; a publish is answered as if it were the first of its room.
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Scope } from './scope.ts'
import { freePort, HOST } from './ports.ts'

export interface OldRedis {
  url: string
  port: number
  /** Answers commands from now on with this error: scripts alone, whatever comes after the greeting, or the password. Undefined: no more. */
  refuse (text: string | undefined, what?: Refused): void
  /** The fields of INFO, besides a master's. */
  tell (fields: Record<string, string>): void
  /** Connections that were ever made. */
  connections (): number
  /** Scripts that came. */
  scripts (): number
}

type Refused = 'scripts' | 'everything' | 'password'

/** What a client sends before it is of use. */
const GREETING = new Set(['hello', 'auth', 'select', 'client'])

export async function startOldRedis (t: Scope): Promise<OldRedis> {
  const port = await freePort()
  const sockets = new Set<Socket>()
  let refusal: { text: string, what: Refused } | undefined
  let fields: Record<string, string> = {}
  let connections = 0
  let scripts = 0

  const server = createServer(socket => {
    connections++
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // An error is followed by 'close'.
    socket.on('error', () => undefined)
    let subscriptions = 0
    readCommands(socket, ([name = '', ...args]) => {
      const command = name.toLowerCase()
      const isScript = command.startsWith('eval')
      if (isScript) scripts++
      if (refusal !== undefined && isMeant(refusal.what, command)) return `-${refusal.text}\r\n`
      // As Redis 5: what it does not know, it quotes.
      if (command === 'hello') return `-ERR unknown command \`HELLO\`, with args beginning with: ${args.map(arg => `\`${arg}\``).join(', ')}, \r\n`
      if (command === 'info') return bulk(Object.entries({ redis_version: '6.2.14', run_id: 'f'.repeat(40), role: 'master', loading: '0', ...fields }).map(pair => pair.join(':')).join('\r\n'))
      if (command === 'subscribe') return args.map(channel => `*3\r\n${bulk('subscribe')}${bulk(channel)}:${++subscriptions}\r\n`).join('')
      if (command === 'unsubscribe') return args.map(channel => `*3\r\n${bulk('unsubscribe')}${bulk(channel)}:${--subscriptions}\r\n`).join('')
      if (command === 'ping') return subscriptions > 0 ? `*2\r\n${bulk('pong')}${bulk('')}` : '+PONG\r\n'
      if (isScript) return `*2\r\n${bulk(String(Date.now()))}${bulk('new epoch 1 1')}`
      return '+OK\r\n'
    })
  })
  server.listen(port, HOST)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })

  return {
    url: `redis://${HOST}:${port}`,
    port,
    refuse (text, what = 'scripts') { refusal = text === undefined ? undefined : { text, what } },
    tell (more) { fields = more },
    connections: () => connections,
    scripts: () => scripts
  }
}

/** As Redis 6.2 wraps the error that a command of a script met: twice with its place, and with the dash of the protocol. */
export function wrappedAs62 (text: string, line = 20): string {
  return `ERR Error running script (call to f_${'0a'.repeat(20)}): @user_script:${line}: @user_script: ${line}: -${text}`
}

function isMeant (what: Refused, command: string): boolean {
  if (what === 'password') return command === 'auth'
  return command.startsWith('eval') || (what === 'everything' && !GREETING.has(command))
}

function bulk (text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`
}

/** Commands come as arrays of texts, in whatever pieces; each is answered at once. */
function readCommands (socket: Socket, answer: (words: string[]) => string): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', chunk => {
    rest = Buffer.concat([rest, chunk])
    for (let command = readCommand(rest); command !== undefined; command = readCommand(rest)) {
      rest = rest.subarray(command.end)
      socket.write(answer(command.words))
    }
  })
}

function readCommand (bytes: Buffer): { words: string[], end: number } | undefined {
  let at = 0
  const number = (): number => {
    const end = bytes.indexOf('\r\n', at)
    const value = end < 0 ? NaN : Number(bytes.toString('latin1', at + 1, end))
    at = end + 2
    return value
  }
  const words: string[] = []
  const count = number()
  if (Number.isNaN(count)) return undefined
  for (let i = 0; i < count; i++) {
    const length = number()
    if (Number.isNaN(length) || bytes.length < at + length + 2) return undefined
    words.push(bytes.toString('utf8', at, at + length))
    at += length + 2
  }
  return { words, end: at }
}
