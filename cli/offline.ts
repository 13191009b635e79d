// Creates the service in this process without listening, Redis or webhook, for commands that need no running service.

type Env = Record<string, string | undefined>

/** @param env settings; those for outside connections are ignored, except the issuer's keys */
export async function askOffline<T> (path: string, env: Env, headers: Record<string, string> = {}): Promise<T> {
  const [{ default: Fastify }, { default: app }] = await Promise.all([import('fastify'), import('../app.ts')])
  const server = Fastify()
  try {
    // The same as in server.ts.
    await server.register(app, { metrics: true, env: without(/^(REDIS|WEBHOOK)_/, env) })
    return (await server.inject({ url: path, headers })).json<T>()
  } finally {
    await server.close()
  }
}

/** A document of the service for these settings. Keys do not matter for it. */
export async function readDocument (path: '/openapi.json' | '/asyncapi.json'): Promise<string> {
  return JSON.stringify(await askOffline(path, without(/^(JWT_|NODE_ENV$)/, process.env)), null, 2)
}

function without (pattern: RegExp, env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !pattern.test(name)))
}
