import { decodeToken } from '../token-text.ts'
import { CommandError, defineCommand } from '../command.ts'
import { endAccess } from '../end-access.ts'
import { serviceOptions } from '../service.ts'

export default defineCommand({
  summary: 'Revokes a token, or all existing tokens of a user, on every instance.',
  args: ['[TOKEN]'],
  options: {
    user: { type: 'string', value: 'USER', help: 'all tokens of this user' },
    before: { type: 'string', value: 'TIME', help: 'with --user: tokens issued before this time, for example 2026-01-31T12:00:00Z; default: now' },
    ...serviceOptions
  },
  notes: '  TOKEN is a token with an id (`jti`), or that id. Your own token needs manage on */*.',
  async run ({ user, before, ...service }, [token]) {
    await endAccess(service, '/api/v1/tokens/revoke', readTarget(token, user, before))
  }
})

function readTarget (token: string | undefined, userId: string | undefined, before: string | undefined): object {
  if ((token === undefined) === (userId === undefined)) throw new CommandError('pass either a token to revoke, or --user USER for all tokens of a user')
  if (token === undefined) return { userId, issuedBefore: readTime(before) }
  if (before !== undefined) throw new CommandError('--before works only with --user')
  if (token.split('.').length !== 3) return { jti: token }
  const { jti } = decodeToken(token)
  if (jti === undefined) throw new CommandError('this token has no id (`jti`): revoke all tokens of its user with --user')
  return { jti }
}

function readTime (text: string | undefined): number {
  const time = text === undefined ? Date.now() : Date.parse(text)
  if (Number.isNaN(time)) throw new CommandError(`--before ${text ?? ''} should be a time, for example 2026-01-31T12:00:00Z`)
  return time
}
