// The inspector at `/inspector/`: the page for operators, in production too. It brings the client and Socket.IO's with it,
// and knows nothing by itself: all that it shows comes from routes that ask for a token.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import fp from 'fastify-plugin'
import type { Settings } from '../services/settings.ts'
import { serveFile, serveFolder, servePage } from './static-page.ts'

const SOCKET_IO = '/inspector/socket.io.js'

export default fp<{ settings: Settings }>(async (fastify, { settings }) => {
  if (!settings.INSPECTOR) return
  const importmap = JSON.stringify({ imports: { 'socket.io-client': SOCKET_IO } })
  await servePage(fastify, '/inspector/', 'inspector', { importmap, socketPath: settings.SOCKET_PATH })
  await serveFolder(fastify, 'inspector', 'pages')
  await serveFolder(fastify, 'inspector', 'inspector')
  await serveFolder(fastify, 'inspector/client', 'client/src')
  // Socket.IO serves it itself only outside production.
  const socketIo = pathToFileURL(createRequire(import.meta.url).resolve('socket.io/package.json'))
  await serveFile(fastify, SOCKET_IO, new URL('client-dist/socket.io.esm.min.js', socketIo))
}, { name: 'inspector', fastify: '5.x', dependencies: ['browsers'] })
