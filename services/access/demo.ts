// The demo users of the playground. They exist only when the service generated its own key.

const DEMO_SECONDS = 24 * 3600

const people = {
  ann: { name: 'Ann', capabilities: { '*/*': ['subscribe', 'publish', 'presence', 'manage'] } },
  leo: { name: 'Leo', capabilities: { '*/*': ['subscribe', 'publish', 'presence'] } }
}

export type DemoUser = keyof typeof people
export const demoUsers = Object.keys(people) as DemoUser[]

export function demoClaims (user: DemoUser): object {
  const now = Math.floor(Date.now() / 1000)
  return { sub: user, iat: now, exp: now + DEMO_SECONDS, ...people[user] }
}
