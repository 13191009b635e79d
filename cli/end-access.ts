// Operator commands, which every instance must answer.
import type { CommandResult } from '../services/wire/protocol.ts'
import { ask, readService, type serviceOptions } from './service.ts'
import { CommandError, type Values } from './command.ts'

/** Prints how many connections it ended. @throws CommandError also if an instance did not answer */
export async function endAccess (values: Values<typeof serviceOptions>, path: string, target: object): Promise<void> {
  const result = await ask<CommandResult>(readService(values), 'POST', path, target)
  console.log(JSON.stringify(result))
  if (!result.complete) throw new CommandError('an instance did not answer in time; it will apply the command when it is back: repeat the command to check')
}
