import type { SessionsPage } from '../../services/wire/overview.ts'
import { defineCommand } from '../command.ts'
import { pageOptions, showPage } from '../page.ts'
import { agoText, tableText } from '../table.ts'

const HEAD = ['SOCKET', 'INSTANCE', 'TRANSPORT', 'SINCE', 'ADDRESS', 'TOKEN ENDS', 'WAITING', 'ROOMS']
const ROOMS_SHOWN = 5

export default defineCommand({
  summary: "Lists a user's connections, with the rooms they are in, over all instances.",
  args: ['USER'],
  options: pageOptions,
  notes: '  The token needs manage on */*; with manage on a workspace, only its rooms are shown. WAITING: bytes that the connection has not taken.',
  run: async (values, [userId = '']) => await showPage<SessionsPage>(values, '/api/v1/sessions', { userId }, ({ at, sessions }) =>
    sessions.length === 0
      ? 'This user has no connections.'
      : tableText(HEAD, sessions.map(({ id, instance, transport, connectedAt, address, tokenEndsAt, bytesWaiting, roomCount, rooms }) => [
        id, instance, transport, agoText(connectedAt, at), address, new Date(tokenEndsAt).toISOString(), bytesWaiting,
        [...rooms.slice(0, ROOMS_SHOWN).map(({ workspaceId, appId, offset }) => `${workspaceId}/${appId}:${offset}`), ...roomCount > ROOMS_SHOWN ? [`and ${roomCount - ROOMS_SHOWN} more`] : []].join(' ')
      ])))
})
