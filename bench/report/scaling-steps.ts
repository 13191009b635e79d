// For each size: what breaks first, and what one does about it.
import type { Size } from '../scaling/model.ts'
import { formatNumber } from './format.ts'

/** Ports from which Linux opens connections, to each address and port of an instance. */
const OUTGOING_PORTS = 28_000
/** Two for each client. */
const NGINX_FILES = 65_536

export function breaking (size: Size): string {
  return `### ${formatNumber(size.connections)} connections\n\n${points(size).map(point => `- ${point}`).join('\n')}`
}

function points (size: Size): string[] {
  const perInstance = Math.ceil(size.connections / size.instances)
  const survivors = Math.ceil(size.connections / (size.instances - 1))
  const nginxHosts = Math.max(1, Math.ceil(size.connections * 2 / NGINX_FILES))
  return [
    `**An instance dies.** Its ${formatNumber(perInstance)} clients come back within seconds; each of the others then holds ${formatNumber(survivors)}. \`CONNECTION_BURST\` and \`CONNECTIONS_PER_SECOND\` spread them, so that nobody is refused for good: see the curve in [benchmarks.md](benchmarks.md).`,
    size.boundBy === 'spare'
      ? `**Nothing else**: ${size.instances} instances are there so that one may die; each uses ${formatNumber(size.instanceShare * 100)} % of a core.`
      : size.boundBy === 'processor'
        ? '**Processor time of the instances** sets their number. Rooms whose members meet on few instances are cheaper: route a workspace to some of the instances, by a hash of it in the balancer.'
        : `**Sockets** set the number of instances; each uses ${formatNumber(size.instanceShare * 100)} % of a core. Raise \`MAX_SOCKETS\`, \`MAX_CONNECTIONS\` and the limit of open files where the loss of one instance may move more clients at once.`,
    size.shards === 1
      ? `**Redis**: one process at ${formatNumber(size.redisShare * 100)} % of a core is enough; a replica with Sentinel takes over where it dies.`
      : `**One Redis is a core, and that breaks first.** \`REDIS_CLUSTER\` with ${size.shards} shards; rooms spread over them by their slot, and no update crosses the cluster bus. A single room cannot be spread: its updates stay on one shard.`,
    nginxHosts === 1
      ? `**nginx**: one is enough, with \`worker_rlimit_nofile\` and \`worker_connections\` at two for each client. Above ${formatNumber(OUTGOING_PORTS)} clients of one instance the ports run out: give the instance a second address.`
      : `**nginx**: ${formatNumber(nginxHosts)} hosts with ${formatNumber(NGINX_FILES)} files each, behind DNS or a balancer of the network layer.`,
    ...size.instances < 100
      ? []
      : [`**What every instance hears**: the heartbeat of each of the ${formatNumber(size.instances)} instances every \`HEARTBEAT_MS\`, and every command of an operator (\`COMMANDS_PER_SECOND\` at most). Both lie in one slot each, as the webhook's occupancy does (a call for each room that opens or closes on an instance): more shards do not spread them. Split before one shard is too small for them: cells of some dozens of instances with a Redis Cluster of their own, each with its share of the workspaces. No update has to cross from one to another, because a room belongs to one workspace.`]
  ]
}
