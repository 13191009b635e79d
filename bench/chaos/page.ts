// The page with the faults of one Redis and of a cluster, side by side.
export function clusterPage (table: string, minutes: number): string {
  return `# Under faults: one Redis and a Redis Cluster

Written by \`npm run chaos -- --minutes ${minutes} --page docs/faults-cluster.md\`; no number was typed by hand. The run of ${new Date().toISOString().slice(0, 10)}, with Node ${process.version}.

Three instances, nine stock clients in one room, two writers that repeat an update with its id until it is answered 2xx. \`one\` is a Redis with an append-only file, \`cluster\` is six Redis servers without one: three masters, each with a replica, and \`cluster-node-timeout\` of 1 s. Each fault runs once, then random ones until the time has passed. Beside them, people with several tabs come and go in two rooms and say what they do; after each fault, the run fails unless each tab sees exactly who is there with which state, a backend believes the same from the webhook alone, and no event told more than happened.

- **updates**: answered 2xx. The other counts are over all nine clients, so one lost update can count nine times.
- **lost**: never seen by a client that was not told either.
- **told**: missed, but the client learnt that it has to load the state anew (\`recovered: false\`, or \`unsubscribed\`). A promoted replica may lack updates, so its rooms begin anew.
- **time to repair**: the longest, from the end of the fault until every client has an update that was published after it. A killed master is a fault until its replica is promoted.

${table}
`
}
