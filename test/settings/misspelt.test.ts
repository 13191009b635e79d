// A setting that is misspelt is named with the nearest one; variables of others are left alone.
import { test } from 'tap'
import { Settings } from '../../services/settings.ts'
import { readSettings } from '../../services/settings/read.ts'
import { misspelt } from '../../services/settings/misspelt.ts'

const names = Object.keys(Settings.properties)

test('a misspelt setting is named at boot with the nearest one, without its value', async t => {
  const pairs = { MAX_BACH: 'MAX_BATCH', MAX_BTACH: 'MAX_BATCH', REDIS_URI: 'REDIS_URL', PUBLISH_TIMOUT_MS: 'PUBLISH_TIMEOUT_MS', HISTROY_SIZES: 'HISTORY_SIZE', JWT_SECERT: 'JWT_SECRET', LOGLEVEL: 'LOG_LEVEL', REDIS_SENTINEL: 'REDIS_SENTINELS' }
  for (const [given, meant] of Object.entries(pairs)) {
    t.throws(() => readSettings({ [given]: 'hunter2', PORT: '70000' }), { message: new RegExp(`PORT should be[^]*  - ${given} is not a setting; did you mean ${meant}\\?$`) })
    t.throws(() => readSettings({ [given]: 'hunter2' }), { message: /^((?!hunter2)[^])*$/ })
  }
})

test('variables of others are left alone', async t => {
  const others = [
    'PATH', 'HOME', 'POST', 'HOSTS', 'HOSTNAME', 'PORTS', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'DENO_ENV', 'REDIS_HOST', 'REDIS_PORT', 'REDIS_TLS_URL', 'REDIS_PASSWORD',
    'REDIS_SERVICE_HOST', 'LOG_FORMAT', 'JWT_SECRET_KEY', 'JWT_PRIVATE_KEY', 'MAX_OLD_SPACE', 'OTEL_SERVICE_NAME', 'OTEL_EXPORTER_OTLP_HEADERS',
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'CORS_ORIGIN_WHITELIST', 'npm_config_cache', 'MAX_CONN', 'DATABASE_URL', 'WEB_CONCURRENCY'
  ]
  t.strictSame(misspelt(others, names), [])
})

test('a name beside the setting that it is near to is somebody else\'s', async t => {
  t.strictSame(misspelt(['REDIS_URI', 'REDIS_URL'], names), [])
  t.strictSame(misspelt(names, names), [])
})
