// What the buttons of the playground ask for in the demo: a list of its processes, and to end one. 127.0.0.1 only, and
// never a part of the service.
import { createServer } from 'node:http'

const MAX_BODY_BYTES = 1024

/**
 * GET /demo/ lists the processes; POST /demo/end with `{ "name": "instance a" }` ends that one and answers when it is back.
 * @param {ReturnType<import('./processes.js').createProcesses>} processes
 */
export function createControl (processes) {
  return createServer((request, response) => {
    answer(request).then(([status, body]) => send(status, body), error => send(500, { message: error.message }))

    function send (status, body) {
      response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(JSON.stringify(body))
    }
  })

  async function answer (request) {
    if (request.method === 'GET' && request.url === '/demo/') return [200, processes.list()]
    if (request.method !== 'POST' || request.url !== '/demo/end') return [404, { message: 'GET /demo/ or POST /demo/end' }]
    // A page of another origin cannot send this type without asking first, and is not answered then.
    if (request.headers['content-type'] !== 'application/json') return [415, { message: 'Content-Type should be application/json' }]
    const name = nameIn(await read(request))
    // An instance is killed without a warning; Redis is stopped as for a restart, so that its append-only file is whole.
    const ended = await processes.end(name, name === 'redis' ? 'SIGTERM' : 'SIGKILL')
    return ended === undefined ? [400, { message: 'name should be one of GET /demo/ that starts again' }] : [200, ended]
  }
}

async function read (request) {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > MAX_BODY_BYTES) throw new Error('the body is too large')
  }
  return text
}

function nameIn (text) {
  try {
    return JSON.parse(text)?.name
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
