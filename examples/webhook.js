// Receives the webhook: WEBHOOK_SECRET=whsec_… node webhook.js PORT; the service has WEBHOOK_URL=http://127.0.0.1:PORT and the same secret.
import { createServer } from 'node:http'
import { Webhook } from 'standardwebhooks'

const webhook = new Webhook(process.env.WEBHOOK_SECRET)
/** In your app, what your database knows already. */
const known = new Set()

createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) body += chunk
  try {
    // Signature and time; throws on what the service has not sent, or sent long ago.
    const { events } = webhook.verify(body, request.headers)
    for (const { id, event, workspaceId, appId, userId } of events) {
      // What was not answered in time comes again, with the same ids.
      if (known.has(id)) continue
      known.add(id)
      // With WEBHOOK_EVENTS=member.joined,member.left it is a user who came or went.
      console.log(event, `${workspaceId}/${appId}`, userId ?? '')
    }
    response.writeHead(204).end()
  } catch (error) {
    response.writeHead(401).end(error.message)
  }
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'))
