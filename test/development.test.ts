// What is different while one develops: a log to be read, and an end without waiting.
import { stripVTControlCharacters } from 'node:util'
import { test } from 'tap'
import type { Draining } from '../services/wire/protocol.ts'
import { connect, eventually, freePort, HOST, nextEvent, pathOf, startClock, startInstance, token } from './helpers/index.ts'
import { startChild } from './helpers/child.ts'

test('in development the service ends at once, with a client connected, who is told', async t => {
  const instance = await startInstance(t, { NODE_ENV: 'development' })
  await instance.ready()
  const socket = await connect(t, instance.url, { token: token() })
  const told = nextEvent<Draining>(socket, 'draining')
  const clock = startClock(t)
  t.match(await instance.kill('SIGTERM'), { code: 0 })
  t.ok(clock.now() < 1000, `${Math.round(clock.now())} ms`)
  t.strictSame(await told, { reconnectInMs: 0 })
})

test('on a terminal the log is for people; in production, and where it goes elsewhere, for programs', async t => {
  const line = /^\[[\d:.]+\] INFO: Server listening at http/m
  const json = /^\{"level":30,.*"msg":"Server listening at http/m
  const onTerminal = async (env: Record<string, string>) => {
    const child = await startChild(t, 'script', ['--quiet', '--return', '--command', `${process.execPath} server.js`, '/dev/null'], {
      PATH: process.env.PATH, HOST, PORT: String(await freePort()), JWT_SECRET: 'x'.repeat(32), ...env
    }, 'TERM', pathOf('dist'))
    return await eventually(() => {
      const output = stripVTControlCharacters(child.output())
      return output.includes('Server listening') && output
    }, 20_000)
  }
  t.match(await onTerminal({}), line)
  t.match(await onTerminal({ NODE_ENV: 'production' }), json)

  const piped = await startInstance(t, { NODE_ENV: 'development', LOG_LEVEL: 'info' })
  await eventually(() => piped.output().includes('Server listening'))
  t.match(piped.output(), json)
})
