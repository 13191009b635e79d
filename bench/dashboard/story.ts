// What happens while Prometheus looks: an instance is killed, a Redis master hangs and is replaced, clients leave and come back.
import { setTimeout as pause } from 'node:timers/promises'
import type { World } from './world.ts'

const EVERY_MS = 3000

/** @returns the sentence for the reader of the picture */
export async function runStory (world: World, seconds: number): Promise<string> {
  const at = (part: number) => Math.round(seconds * part)
  const minute = (part: number) => `${Math.round(at(part) / 6) / 10} min`
  const startedAt = performance.now()
  const until = async (part: number) => { await pause(Math.max(0, at(part) * 1000 - (performance.now() - startedAt))) }
  let isOver = false
  const disturbing = (async () => {
    while (!isOver) {
      await world.disturb()
      await pause(EVERY_MS)
    }
  })()

  await until(0.25)
  const start = await world.kill('c')
  await until(0.35)
  await start()

  await until(0.55)
  const [master] = await world.redis.masters()
  master?.pause()
  await until(0.62)
  master?.resume()

  await until(0.75)
  const comeBack = world.leave(20)
  await until(0.82)
  comeBack()
  await until(1)
  isOver = true
  await disturbing
  return `A run of ${at(1)} s: 120 clients, three instances, a Redis Cluster of three masters. Instance c is killed at ${minute(0.25)} and is back at ${minute(0.35)}; a Redis master hangs at ${minute(0.55)} and its replica takes over; 40 clients leave at ${minute(0.75)} and come back.`
}
