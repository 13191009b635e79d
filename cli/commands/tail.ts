import { createClient, type Client, type ErrorInfo, type Room } from '../../client/index.ts'
import type { StreamPosition } from '../../services/wire/protocol.ts'
import { readPosition, readRoom } from '../arguments.ts'
import { CommandError, defineCommand } from '../command.ts'
import { ask, readService, serviceOptions, type Service } from '../service.ts'

export default defineCommand({
  summary: 'Follows a room as a client does: an update a line, until Ctrl-C.',
  args: ['ROOM'],
  options: {
    since: { type: 'string', value: 'EPOCH:OFFSET', help: 'begins with what came after that position' },
    path: { type: 'string', value: 'PATH', help: 'of Socket.IO, as SOCKET_PATH says; else /socket.io/' },
    ...serviceOptions
  },
  notes: '  Updates go to the standard output, as JSON; what the service tells, what was recovered and where it ends, to the standard error.',
  async run ({ since, path = process.env['SOCKET_PATH'] || '/socket.io/', ...values }, [name = '']) {
    const { workspaceId, appId } = readRoom(name)
    const position = since === undefined ? undefined : readPosition(since)
    const service = readService(values)
    const client = createClient(service.url, { token: () => service.token, socket: { path } })
    const room = client.room(workspaceId, appId, position === undefined ? {} : { since: position })
    try {
      await follow(client, room, service)
    } finally {
      client.close()
      if (room.position !== undefined) tell(`ends: --since ${positionText(room.position)} goes on from here`)
    }
  }
})

/** Resolves with Ctrl-C. @throws CommandError for what does not pass by itself */
function follow (client: Client, room: Room, service: Service): Promise<void> {
  return new Promise((resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())

    const onError = ({ code, message, retryable }: ErrorInfo) => {
      if (retryable) tell(`told: ${code}: ${message} Trying again.`)
      else reject(new CommandError(`${code}: ${message}`))
    }
    client.on('error', onError)
    client.on('status', status => { if (status === 'connecting') tell('connection lost, connecting again') })
    client.on('draining', ({ reconnectInMs }) => tell(`told: draining: this instance goes away, to another one in ${reconnectInMs} ms`))
    // The client tries again by itself; where this is no Roomcast at all, trying does not help.
    client.socket.once('connect_error', ({ message }) => {
      if (client.socket.active) ask(service, 'GET', '/api/v1/health/').then(() => tell(`not connected (${message}), trying again`)).catch(reject)
    })

    room.on('error', onError)
    room.on('joined', ({ recovered, missed, ...position }) => {
      tell(`joined at ${positionText(position)}${recovered ? `, recovered ${missed} ${missed === 1 ? 'update' : 'updates'}` : ''}`)
    })
    room.on('reset', ({ position }) => tell(`told: not everything could be recovered; updates follow from ${positionText(position)} on`))
    room.on('update', update => console.log(JSON.stringify(update)))
  })
}

function tell (text: string): void {
  console.error(`# ${text}`)
}

function positionText ({ epoch, offset }: StreamPosition): string {
  return `${epoch}:${offset}`
}
