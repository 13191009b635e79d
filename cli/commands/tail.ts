import { createClient, type Client, type ErrorInfo, type Room } from '../../client/src/index.ts'
import type { StreamPosition } from '../../services/wire/protocol.ts'
import { readPosition, readRoom } from '../arguments.ts'
import { CommandError, defineCommand } from '../command.ts'
import { ask, readService, serviceOptions, type Service } from '../service.ts'

export default defineCommand({
  summary: 'Follows a room as a client does: prints one update per line, until Ctrl-C.',
  args: ['ROOM'],
  options: {
    since: { type: 'string', value: 'EPOCH:OFFSET', help: 'starts after this position' },
    path: { type: 'string', value: 'PATH', help: 'path of Socket.IO (SOCKET_PATH); default: /socket.io/' },
    ...serviceOptions
  },
  notes: '  Updates are printed to standard output as JSON. Notices and the final position are printed to standard error.',
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

/** Resolves on Ctrl-C. @throws CommandError for an error that a retry cannot solve */
function follow (client: Client, room: Room, service: Service): Promise<void> {
  return new Promise((resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())

    const onError = ({ code, message, retryable }: ErrorInfo) => {
      if (retryable) tell(`told: ${code}: ${message} Trying again.`)
      else reject(new CommandError(`${code}: ${message}`))
    }
    client.on('error', onError)
    client.on('draining', ({ reconnectInMs }) => tell(`told: draining: this instance goes away, to another one in ${reconnectInMs} ms`))
    // The client retries on its own, but that does not help if the address is not Roomcast.
    const onNoConnection = ({ message }: Error) => {
      if (client.socket.active) ask(service, 'GET', '/api/v1/health/').then(() => tell(`not connected (${message}), trying again`)).catch(reject)
    }
    client.socket.once('connect_error', onNoConnection)
    client.on('status', status => {
      client.socket.off('connect_error', onNoConnection)
      if (status === 'connecting') tell('connection lost, connecting again')
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
