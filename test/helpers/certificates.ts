// An authority and a certificate for 127.0.0.1, made by openssl for one test.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { HOST } from './ports.ts'
import type { Scope } from './scope.ts'

const run = promisify(execFile)

export interface Certificates {
  /** The authority's certificate, in PEM, and as a file for NODE_EXTRA_CA_CERTS. */
  ca: string
  caFile: string
  certFile: string
  keyFile: string
}

export async function makeCertificates (t: Scope): Promise<Certificates> {
  const dir = await mkdtemp(join(tmpdir(), 'roomcast-certificates-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const openssl = (...args: string[]) => run('openssl', args, { cwd: dir })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await writeFile(join(dir, 'names'), `subjectAltName = IP:${HOST}, DNS:localhost\n`)
  await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '1', '-subj', '/CN=authority of one test')
  await openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', `/CN=${HOST}`)
  await openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', 'names', '-out', 'server.pem')
  const caFile = join(dir, 'ca.pem')
  return { ca: await readFile(caFile, 'utf8'), caFile, certFile: join(dir, 'server.pem'), keyFile: join(dir, 'server.key') }
}

/** For a Redis or a Sentinel: TLS to everyone, and a client needs no certificate. */
export function tlsSettings ({ caFile, certFile, keyFile }: Certificates): Array<[name: string, value: string]> {
  return [['tls-cert-file', certFile], ['tls-key-file', keyFile], ['tls-ca-cert-file', caFile], ['tls-auth-clients', 'no'], ['tls-replication', 'yes']]
}
