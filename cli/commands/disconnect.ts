import { defineCommand } from '../command.ts'
import { endAccess } from '../end-access.ts'
import { serviceOptions } from '../service.ts'

export default defineCommand({
  summary: 'Ends all connections of a user, on every instance.',
  args: ['USER'],
  options: serviceOptions,
  notes: '  The token needs manage on */*. The user may reconnect; `roomcast revoke` prevents that.',
  run: async (service, [userId]) => await endAccess(service, '/api/v1/sessions/disconnect', { userId })
})
