// What a run ran on: the machine by its kind, never by its name, and the versions of all that took part.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import { promisify } from 'node:util'
import { pathOf } from '../../test/helpers/paths.ts'

const run = promisify(execFile)
const PACKAGES = ['socket.io', '@socket.io/redis-adapter', 'ws', 'fastify', 'ioredis']

export interface Machine {
  /** As `AMD EPYC, 2 processors, 24 GiB, Linux 6.18`. */
  kind: string
  versions: string[]
}

export async function describeMachine (): Promise<Machine> {
  const { stdout } = await run('redis-server', ['--version'])
  const [cpu] = cpus()
  const linux = release().split('.').slice(0, 2).join('.')
  return {
    kind: `${cpu?.model ?? process.arch}, ${cpus().length} processors, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${linux}`,
    versions: [`Node ${process.version}`, `Redis ${/v=([\d.]+)/.exec(stdout)?.[1] ?? ''}`, ...await Promise.all(PACKAGES.map(versionOf))]
  }
}

async function versionOf (name: string): Promise<string> {
  const { version } = JSON.parse(await readFile(pathOf(`node_modules/${name}/package.json`), 'utf8')) as { version: string }
  return `${name} ${version}`
}
