// A service that publishes: node publisher.js URL TOKEN. Lost updates are repeated, and arrive once.
import { createPublisher } from '@roomcast/client/publisher'

const [url, token] = process.argv.slice(2)
const publisher = createPublisher(url, { token })

console.log(await publisher.publish('acme/board-1', 'CARD_MOVED', { card: 'c1', column: 2 }))
await publisher.close()
