import type { InstanceOverview, InstancesPage } from '../../services/wire/overview.ts'
import { defineCommand } from '../command.ts'
import { pageOptions, showPage } from '../page.ts'
import { agoText, tableText } from '../table.ts'

const HEAD = ['INSTANCE', 'VERSION', 'UP FOR', 'SOCKETS', 'ROOMS', 'CPU', 'LOOP LATE', 'MEMORY', 'STATE']

export default defineCommand({
  summary: 'Lists the live instances and their state.',
  options: pageOptions,
  notes: '  The token needs manage on */*. CPU: share of one core; LOOP LATE: the most by which the event loop was late in the last second.',
  run: async values => await showPage<InstancesPage>(values, '/api/v1/instances', {}, ({ at, instances, silent }) => [
    tableText(HEAD, instances.map(instance => rowOf(instance, at))),
    ...silent.map(instance => `${instance} lives and did not answer`)
  ].join('\n'))
})

function rowOf ({ instance, version, startedAt, sockets, rooms, cpu, eventLoopDelayMs, memoryBytes, ready, reasons, draining }: InstanceOverview, at: number) {
  const state = draining ? 'draining' : ready ? 'ready' : `not ready: ${reasons.join('; ')}`
  return [instance, version, agoText(startedAt, at), sockets, rooms, `${Math.round(cpu * 100)} %`, `${Math.round(eventLoopDelayMs)} ms`, `${Math.round(memoryBytes / 2 ** 20)} MB`, state]
}
