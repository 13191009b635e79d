// The process: creates Fastify with its limits, registers the app, listens, and handles signals.
import type { Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from 'fastify'
import { createErrorHandlers } from './plugins/errors.ts'
import { demoClaims } from './services/access/demo.ts'
import { readDotEnv } from './services/dot-env.ts'
import { loadTracing } from './services/observe/load-tracing.ts'
import { createLogStream } from './services/observe/log-stream.ts'
import { loadPrettifier } from './services/observe/prettifier.ts'
import { SettingsError, type Settings } from './services/settings.ts'
import { readSettings } from './services/settings/read.ts'

/** The time to close the app once no request is left: it sends waiting webhook events and disconnects from Redis. */
const CLOSE_GRACE_MS = 5000
/** Ctrl-C sends two signals to a process started by npm: from the terminal, and from npm. */
const SAME_SIGNAL_MS = 500
/**
 * To wake V8's helper threads for each collection of young objects costs more than they take off the event loop: a tenth
 * of a publish to a small room.
 */
const LONE_COLLECTOR = '--no-parallel-scavenge'

async function createServer (settings: Settings): Promise<FastifyInstance> {
  const { onError, onNotFound, onClientError } = createErrorHandlers(settings, () => server.roomcast?.metrics)
  const server = Fastify({
    logger: {
      stream: createLogStream({ prettify: await loadPrettifier(settings), onLost: () => server.roomcast?.metrics.logErrors.inc() }),
      level: settings.LOG_LEVEL,
      // Without the query, which may contain a token.
      serializers: { req: ({ method, url, id }: FastifyRequest) => ({ method, url: url.split('?')[0], id }) },
      // An error of Redis contains the command, and so the payload.
      redact: { paths: ['err.command'], remove: true }
    },
    // Metrics count requests. A log line for each would hide the important ones.
    logController: new LogController({ disableRequestLogging: true }),
    // No logger for each request, because hardly any writes a line.
    childLoggerFactory: logger => logger,
    trustProxy: settings.TRUST_PROXY === '' ? false : settings.TRUST_PROXY.split(','),
    requestTimeout: settings.REQUEST_TIMEOUT_MS,
    http: { headersTimeout: settings.REQUEST_TIMEOUT_MS, connectionsCheckingInterval: 1000 },
    // An instance that drains still serves publishes.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    frameworkErrors: onError,
    clientErrorHandler: onClientError
  })
  server.setErrorHandler(onError)
  server.setNotFoundHandler(onNotFound)
  return server
}

async function main (): Promise<void> {
  setFlagsFromString(LONE_COLLECTOR)
  readDotEnv()
  const settings = readSettings(process.env)
  const tracing = settings.OTEL_EXPORTER_OTLP_ENDPOINT === '' ? undefined : await loadTracing()
  const instrumentation = tracing?.startTracing()
  // Loaded after the instrumentation, which must be in place first.
  const { default: app } = await import('./app.ts')
  const server = await createServer(settings)
  if (instrumentation !== undefined) {
    await server.register(instrumentation.plugin())
    server.addHook('onClose', instrumentation.stop)
  }
  await server.register(app, { metrics: true, inspector: true, playground: true })
  limitConnections(server, settings)
  const address = await server.listen({ host: settings.HOST, port: settings.PORT, backlog: settings.LISTEN_BACKLOG })
  leaveOnSignal(server, settings)
  const { signDemo } = server.roomcast
  if (signDemo !== undefined) printDemo(address, signDemo)
}

/** Limits TCP connections. Even a silent one needs memory and a file descriptor. */
function limitConnections ({ server, roomcast: { metrics } }: FastifyInstance, { MAX_CONNECTIONS }: Settings): void {
  server.maxConnections = MAX_CONNECTIONS
  server.on('drop', () => metrics.limits.inc({ limit: 'connections' }))
  server.on('connection', (socket: Socket) => {
    metrics.tcpConnections.inc()
    socket.once('close', () => metrics.tcpConnections.dec())
  })
}

function printDemo (address: string, sign: (claims: object) => string): void {
  const token = sign(demoClaims('ann'))
  console.log(`
Roomcast listens on ${address}
No key is configured, so here is a demo token for this run, which may do everything:

${token}

The playground, with that token:

${address}/#token=${token}
`)
}

function leaveOnSignal (server: FastifyInstance, settings: Settings): void {
  const { log } = server
  let leavingSince: number | undefined
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (leavingSince !== undefined) {
        if (performance.now() - leavingSince < SAME_SIGNAL_MS) return
        log.info({ signal }, 'second signal: exiting at once')
        process.exit(1)
      }
      leavingSince = performance.now()
      log.info({ signal }, 'leaving')
      leave(server, settings, log).catch((error: unknown) => {
        log.error({ err: error }, 'leaving failed')
        process.exit(1)
      })
    })
  }
}

/** Draining must finish before `close`: Fastify refuses requests once a `preClose` hook is pending. */
async function leave (server: FastifyInstance, settings: Settings, log: FastifyBaseLogger): Promise<void> {
  await server.roomcast.drain()
  // A caller that does not read its answer would keep the process alive forever.
  setTimeout(() => {
    log.warn({ afterMs: settings.CLOSE_TIMEOUT_MS }, 'some requests did not finish: exiting without them')
    server.server.closeAllConnections()
  }, settings.CLOSE_TIMEOUT_MS)
  setTimeout(() => {
    log.error('the app did not close: exiting anyway')
    process.exit(1)
  }, settings.CLOSE_TIMEOUT_MS + CLOSE_GRACE_MS)
  await server.close()
  process.exit(0)
}

main().catch((error: unknown) => {
  if (error instanceof SettingsError) console.error(error.message)
  else if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') console.error(`The port is in use: set PORT to another one. (${(error as Error).message})`)
  else console.error(error)
  process.exit(1)
})
