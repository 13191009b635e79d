import type { RoomsPage } from '../../services/wire/overview.ts'
import { defineCommand } from '../command.ts'
import { pageOptions, showPage } from '../page.ts'
import { tableText } from '../table.ts'

const HEAD = ['ROOM', 'USERS', 'SOCKETS', 'BEHIND', 'A MINUTE', 'POSITION', 'INSTANCES']

export default defineCommand({
  summary: 'Lists the rooms with members, over all instances.',
  args: ['[WORKSPACE]'],
  options: pageOptions,
  notes: '  The token needs manage on */*, or on WORKSPACE/*. A MINUTE: updates; BEHIND: sockets that have not been given all of them yet.',
  run: async (values, [workspaceId]) => await showPage<RoomsPage>(values, '/api/v1/rooms', workspaceId === undefined ? {} : { workspaceId }, ({ rooms }) =>
    rooms.length === 0
      ? 'No room has members.'
      : tableText(HEAD, rooms.map(({ workspaceId, appId, members, sockets, behind, updatesPerMinute, epoch, offset, instances }) => [
        `${workspaceId}/${appId}`, members, sockets, behind, updatesPerMinute, `${epoch}:${offset}`, instances.map(({ instance, sockets }) => `${instance}=${sockets}`).join(' ')
      ])))
})
