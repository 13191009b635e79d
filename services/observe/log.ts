// The logger that services need. Pino and Fastify loggers match it.

type Write = (fields: object, text: string) => void

export interface Log {
  debug: Write
  info: Write
  warn: Write
  error: Write
}
