// A real nginx with deploy/nginx.conf in front of three instances.
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { nginxArgs, renderNginx } from '../../scripts/render-nginx.ts'
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from './certificate.ts'
import { startChild, untilReady } from './child.ts'
import { startInstance, type Instance } from './instance.ts'
import { pathOf } from './paths.ts'
import { freePort, HOST } from './ports.ts'
import { NGINX } from './programs.ts'
import { startRedis } from './redis.ts'
import type { Scope } from './scope.ts'

export interface Nginx {
  /** Of the master; the workers are its children. */
  pid: number
  /** The address for browsers. */
  url: string
  /** The address for internal services. */
  internalUrl: string
  /** `nginx -s reload`. */
  reload (): Promise<void>
  accessLog (): Promise<string>
  errorLog (): Promise<string>
}

/**
 * @param ports of the instances with the INSTANCE_NAMEs a, b and c
 * @param options.tls with deploy/nginx-tls.conf and a certificate of the tests
 */
export async function startNginx (t: Scope, [a, b, c]: [number, number, number], { tls = false } = {}): Promise<Nginx> {
  const dir = await mkdtemp(join(tmpdir(), 'roomcast-nginx-'))
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))
  // The workers are of another user.
  await chmod(dir, 0o755)
  const [port, internalPort] = [await freePort(), await freePort()]
  await writeFile(join(dir, 'nginx.conf'), renderNginx(await readFile(pathOf('deploy/nginx.conf'), 'utf8'), {
    instances: [`${HOST}:${a}`, `${HOST}:${b}`, `${HOST}:${c}`],
    listen: `${HOST}:${port}`,
    listenInternal: `${HOST}:${internalPort}`,
    dir,
    ...tls ? { tls: await writeTls(dir, `${HOST}:${port}`) } : {}
  }))
  // A plain user's PATH often leaves out sbin, where Debian puts nginx.
  const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin` }
  // Not KILL: a master that is killed leaves its workers behind.
  const child = await startChild(t, NGINX, nginxArgs(dir), env, 'TERM')
  const log = (name: string) => readFile(join(dir, name), 'utf8')
  t.teardown(async () => {
    if (!t.passing()) process.stderr.write(`── nginx\n${child.output()}${await log('error.log')}`)
    await child.kill('SIGTERM')
  })
  await untilReady(child, 'nginx', async () => (await fetch(`http://${HOST}:${internalPort}/livez`)).ok)

  return {
    pid: child.pid,
    url: `${tls ? 'https' : 'http'}://${HOST}:${port}`,
    internalUrl: `http://${HOST}:${internalPort}`,
    async reload () { await promisify(execFile)(NGINX, [...nginxArgs(dir), '-s', 'reload'], { env }) },
    accessLog: () => log('access.log'),
    errorLog: () => log('error.log')
  }
}

/** Three instances behind nginx on one Redis. */
export async function startThree (t: Scope) {
  const redis = await startRedis(t)
  const instances = await Promise.all(['a', 'b', 'c'].map(name => startInstance(t, { REDIS_URL: redis.url, INSTANCE_NAME: name }))) as [Instance, Instance, Instance]
  const [a, b, c] = instances
  await Promise.all(instances.map(instance => instance.ready()))
  return { redis, instances, nginx: await startNginx(t, [a.port, b.port, c.port]) }
}

async function writeTls (dir: string, listen: string): Promise<string> {
  await writeFile(join(dir, 'fullchain.pem'), TEST_CERTIFICATE)
  await writeFile(join(dir, 'privkey.pem'), TEST_CERTIFICATE_KEY)
  const text = await readFile(pathOf('deploy/nginx-tls.conf'), 'utf8')
  return text.replaceAll('/etc/nginx/tls', dir).replace('listen 443 ssl backlog=4096;', `listen ${listen} ssl backlog=4096;`)
}
