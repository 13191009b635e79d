#!/usr/bin/env node
// The command line, `npx roomcast …`: each command is a file in commands/ and a line in the table below.
import { packageInfo } from '../services/documents/package-info.ts'
import { readDotEnv } from '../services/dot-env.ts'
import { CommandError, type Command } from './command.ts'

/** Only the requested command is loaded. */
const commands: Record<string, () => Promise<{ default: Command }>> = {
  start: () => import('./commands/start.ts'),
  check: () => import('./commands/check.ts'),
  token: () => import('./commands/token.ts'),
  publish: () => import('./commands/publish.ts'),
  tail: () => import('./commands/tail.ts'),
  rooms: () => import('./commands/rooms.ts'),
  sessions: () => import('./commands/sessions.ts'),
  instances: () => import('./commands/instances.ts'),
  disconnect: () => import('./commands/disconnect.ts'),
  revoke: () => import('./commands/revoke.ts'),
  demo: () => import('./commands/demo.ts'),
  openapi: () => import('./commands/openapi.ts'),
  asyncapi: () => import('./commands/asyncapi.ts')
}

const [name, ...words] = process.argv.slice(2)

// The reader of the pipe has closed it, as `head` does, so exit. A service continues.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  if (name !== 'start') process.exit(0)
})

try {
  await main()
} catch (error) {
  console.error(isForUser(error) ? `roomcast ${name ?? ''}: ${error.message.replaceAll(/\n[ -]*/g, ' ')}` : error)
  process.exitCode = 1
}

async function main (): Promise<void> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return console.log(await overview())
  if (name === '--version' || name === '-v') return console.log(packageInfo.version)
  const { default: command } = await load(name)
  if (words.includes('--help') || words.includes('-h')) return console.log(command.usage(name))
  readDotEnv()
  await command.run(words)
}

async function load (wanted: string): Promise<{ default: Command }> {
  const command = Object.hasOwn(commands, wanted) ? commands[wanted] : undefined
  if (command === undefined) {
    throw new CommandError(`there is no such command: it should be one of ${Object.keys(commands).join(', ')}`)
  }
  return await command()
}

/** Compared by name: importing the classes would load everything that the settings need. */
function isForUser (error: unknown): error is Error {
  return error instanceof Error && ['CommandError', 'SettingsError'].includes(error.name)
}

async function overview (): Promise<string> {
  const lines = Object.entries(commands).map(async ([command, load]) => `  ${command.padEnd(12)}${(await load()).default.summary}`)
  return [
    `roomcast ${packageInfo.version}: ${packageInfo.description}`,
    '',
    ...await Promise.all(lines),
    '',
    'roomcast COMMAND --help prints its help. Settings, ROOMCAST_URL and ROOMCAST_TOKEN are read from the environment, and from .env in this folder.'
  ].join('\n')
}
