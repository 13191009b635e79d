// The programs that the tests run beside the service. `npm run matrix` names others.

/** redis-server, or a Valkey. With `--sentinel` the same program is a Sentinel. */
export const REDIS_SERVER = process.env.TEST_REDIS_SERVER ?? 'redis-server'

export const NGINX = process.env.TEST_NGINX ?? 'nginx'
