// What services need of a logger; pino and Fastify's loggers fit.

type Write = (fields: object, text: string) => void

export interface Log {
  debug: Write
  info: Write
  warn: Write
  error: Write
}
