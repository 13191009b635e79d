// Every drill, in the order of the alerts.
import type { Drill } from './drill.ts'
import { instanceDrills } from './faults/instances.ts'
import { networkDrills } from './faults/network.ts'
import { otherDrills } from './faults/others.ts'
import { redisDrills } from './faults/redis.ts'
import { readAlerts } from './scale.ts'

const all = [...instanceDrills, ...redisDrills, ...networkDrills, ...otherDrills]

/** @throws Error if an alert has no drill, or a drill no alert */
export function listDrills (): Drill[] {
  const names = readAlerts().map(({ alert }) => alert)
  const strays = [...names.filter(name => !all.some(({ alert }) => alert === name)), ...all.map(({ alert }) => alert).filter(alert => !names.includes(alert))]
  if (strays.length > 0) throw new Error(`alerts and drills differ: ${strays.join(', ')}`)
  return names.map(name => all.find(({ alert }) => alert === name) as Drill)
}
