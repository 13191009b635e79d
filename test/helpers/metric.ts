// What an instance says of itself at /metrics and /readyz.
import { call } from './http.ts'

/** The sum of a metric's samples whose labels contain the given text, e.g. `reason="garbage"`. */
export async function metric (url: string, name: string, label = ''): Promise<number> {
  const { text } = await call(url, 'GET', '/metrics')
  return text.split('\n')
    .filter(line => (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

/** The samples of a counter that has counted: many series are there from the start, at 0. */
export async function counted<T extends { value: number }> (counter: { get (): Promise<{ values: T[] }> }): Promise<T[]> {
  return (await counter.get()).values.filter(({ value }) => value > 0)
}

/** How often a limit has struck. */
export async function limitHits (url: string, limit: string): Promise<number> {
  return await metric(url, 'roomcast_limit_hits_total', `limit="${limit}"`)
}

export async function statusOf (url: string, path: '/livez' | '/readyz'): Promise<number> {
  return (await call(url, 'GET', path)).status
}
