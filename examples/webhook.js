// Receives the webhook: WEBHOOK_SECRET=whsec_… node webhook.js PORT. The service needs WEBHOOK_URL=http://127.0.0.1:PORT and the same secret.
import { createServer } from 'node:http'
import { Webhook } from 'standardwebhooks'

const webhook = new Webhook(process.env.WEBHOOK_SECRET)
/** Known event ids; a real app keeps them in its database. */
const known = new Set()

createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) body += chunk
  try {
    // Checks signature and time. Throws if the service did not send it, or sent it long ago.
    const { events } = webhook.verify(body, request.headers)
    for (const { id, event, workspaceId, appId, userId } of events) {
      // Events that were not answered in time come again with the same ids.
      if (known.has(id)) continue
      known.add(id)
      // Only member.joined and member.left have a user.
      console.log(event, `${workspaceId}/${appId}`, userId ?? '')
    }
    response.writeHead(204).end()
  } catch (error) {
    response.writeHead(401).end(error.message)
  }
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'))
