// Everyone back at once: clients of three instances behind nginx; then an instance is killed, or Redis restarts, and the curve
// of clients that are back and whole is drawn.
import { availableParallelism } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { metric } from '../test/helpers/metric.ts'
import { createScope } from './chaos/scope.ts'
import { askLoop, type LoopReport } from './measure/look-inside.ts'
import { openFiles } from './measure/open-files.ts'
import { createWorld, type StampedeInstance, type World } from './stampede/world.ts'

export const STAMPEDE_CLIENTS = 10_000
const SAMPLE_MS = 100
export const REDIS_AWAY_MS = 2000
const LIMIT_MS = 40_000
/** Whole for so long: it is over. */
const CALM_MS = 2000
/** What a process needs besides its clients: this one has one socket for each, a worker of nginx two. */
const OTHER_FILES = 500

export interface StampedeFault {
  name: string
  /** Redis keeps its data over a restart. */
  isKept: boolean
  /** Whole is only who has an update that was answered after the fault: until then nobody misses anything. */
  needsNews: boolean
  /** Those that live on. */
  strike (world: World): Promise<StampedeInstance[]>
}

export interface StampedeResult {
  fault: string
  clients: number
  /** Seconds since the fault, clients in their rooms, clients that have everything. */
  curve: Array<[seconds: number, back: number, whole: number]>
  backSeconds: number | null
  wholeSeconds: number | null
  mostAway: number
  /** Of the instance that read most. */
  historyReads: number
  rooms: number
  /** Of the instance that was latest. */
  loop: LoopReport
  refused: number
  refusedForGood: number
  told: number
  wrong: number
}

export const stampedeFaults: StampedeFault[] = [
  {
    name: 'an instance is killed',
    isKept: true,
    needsNews: false,
    async strike ({ instances: [first, ...others], markGone }) {
      if (first === undefined) throw new Error('no instance')
      markGone(first)
      await first.instance.kill('SIGKILL')
      return others
    }
  },
  {
    name: 'Redis restarts with its data',
    isKept: true,
    needsNews: true,
    strike: restartRedis
  },
  {
    name: 'Redis comes back empty',
    isKept: false,
    needsNews: true,
    strike: restartRedis
  }
]

async function restartRedis ({ redis, instances }: World): Promise<StampedeInstance[]> {
  // In order, so that what it keeps is whole.
  await redis.shutdown()
  await pause(REDIS_AWAY_MS)
  await redis.restart()
  return instances
}

/** @param wanted clients; fewer where a process may not open so many files */
export async function measureStampede (fault: StampedeFault, wanted: number): Promise<StampedeResult> {
  const files = await openFiles() - OTHER_FILES
  const clients = Math.min(wanted, files, Math.floor(files / 2) * availableParallelism())
  const scope = createScope()
  try {
    const world = await createWorld(scope, clients, fault)
    const { counts, state, instances } = world
    const readsOf = async (some: StampedeInstance[]) => await Promise.all(some.map(({ instance }) => metric(instance.url, 'roomcast_history_reads_total')))
    for (const { insidePort } of instances) await askLoop(insidePort)
    const readsBefore = new Map((await readsOf(instances)).map((reads, i) => [instances[i], reads]))
    const countsBefore = { ...counts }

    const curve: StampedeResult['curve'] = []
    const startedAt = performance.now()
    const newsFrom = fault.needsNews ? startedAt : 0
    const striking = fault.strike(world)
    let wholeSince: number | undefined
    while (performance.now() - startedAt < LIMIT_MS && !(wholeSince !== undefined && performance.now() - wholeSince > CALM_MS)) {
      const { back, whole } = state(newsFrom)
      curve.push([(performance.now() - startedAt) / 1000, back, whole])
      // At the very beginning nobody has noticed yet.
      wholeSince = whole === clients && performance.now() - startedAt > CALM_MS ? wholeSince ?? performance.now() : undefined
      await pause(SAMPLE_MS)
    }
    const survivors = await striking
    const reads = await readsOf(survivors)
    const loops = await Promise.all(survivors.map(({ insidePort }) => askLoop(insidePort)))
    const since = (what: keyof typeof counts) => counts[what] - countsBefore[what]
    return {
      fault: fault.name,
      clients,
      curve,
      backSeconds: lastBelow(curve, 1, clients),
      wholeSeconds: lastBelow(curve, 2, clients),
      mostAway: Math.max(...curve.map(([, back]) => clients - back)),
      historyReads: Math.max(...survivors.map((survivor, i) => (reads[i] as number) - (readsBefore.get(survivor) ?? 0))),
      rooms: world.rooms,
      loop: loops.reduce((worst, loop) => loop.p99Ms > worst.p99Ms ? loop : worst),
      refused: since('refused'),
      refusedForGood: since('refusedForGood'),
      told: since('told'),
      wrong: since('wrong')
    }
  } catch (error) {
    scope.fail()
    throw error
  } finally {
    await scope.close()
  }
}

/** When the last were there; null where some never were. */
function lastBelow (curve: StampedeResult['curve'], column: 1 | 2, clients: number): number | null {
  const at = curve.findLastIndex(sample => sample[column] < clients)
  return curve[at + 1]?.[0] ?? null
}
