// A service that publishes: node publisher.js URL TOKEN. Repeats with the same id until it knows that it arrived.
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'

const [url, token] = process.argv.slice(2)

console.log(await publish({ workspaceId: 'acme', appId: 'board-1', event: 'CARD_MOVED', payload: { card: 'c1', column: 2 } }))

async function publish (update) {
  const body = JSON.stringify({ id: randomUUID(), ...update })
  for (let attempt = 0; ; attempt++) {
    const { data, error } = await send(body)
    if (error === null) return data
    if (!error.retryable || attempt === 10) throw new Error(`${error.code}: ${error.message}`)
    await wait(Math.min(5000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2))
  }
}

async function send (body) {
  try {
    const response = await fetch(new URL('/api/v1/publish', url), {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body,
      signal: AbortSignal.timeout(5000)
    })
    return await response.json()
  } catch (error) {
    // No answer, or none of the service: it may or may not have arrived, and the id makes repeating safe.
    return { data: null, error: { code: 'no-answer', message: String(error), retryable: true } }
  }
}
