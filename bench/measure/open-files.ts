// How many files a process may open here, sockets included.
import { readFile } from 'node:fs/promises'

export async function openFiles (): Promise<number> {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(await readFile('/proc/self/limits', 'utf8')) ?? []
  return Number(soft)
}
