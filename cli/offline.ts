// The service in this process, for a question that needs no running one: it listens nowhere, and reaches neither Redis nor a webhook.

type Env = Record<string, string | undefined>

/** @param env settings; those that reach outside do not count, but for the issuer's keys */
export async function askOffline<T> (path: string, env: Env, headers: Record<string, string> = {}): Promise<T> {
  const [{ default: Fastify }, { default: app }] = await Promise.all([import('fastify'), import('../app.ts')])
  const server = Fastify()
  try {
    // As server.ts does.
    await server.register(app, { metrics: true, env: without(/^(REDIS|WEBHOOK)_/, env) })
    return (await server.inject({ url: path, headers })).json<T>()
  } finally {
    await server.close()
  }
}

/** A document that the service describes itself with, as these settings make it. No key takes part in it. */
export async function readDocument (path: '/openapi.json' | '/asyncapi.json'): Promise<string> {
  return JSON.stringify(await askOffline(path, without(/^(JWT_|NODE_ENV$)/, process.env)), null, 2)
}

function without (pattern: RegExp, env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !pattern.test(name)))
}
