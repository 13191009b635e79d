// What a command of the command line is, and how its arguments are read.
import { parseArgs } from 'node:util'

/** Of `util.parseArgs`, with what the help says of it. */
export interface Option {
  type: 'string' | 'boolean'
  multiple?: boolean
  /** What stands for its value in the help, as SECONDS. */
  value?: string
  help: string
}

type Options = Record<string, Option>

export type Values<O extends Options> = {
  [Name in keyof O]: (O[Name]['type'] extends 'boolean' ? boolean : O[Name]['multiple'] extends true ? string[] : string) | undefined
}

export interface Command {
  /** One line, for the list of all commands. */
  summary: string
  usage (name: string): string
  run (words: string[]): unknown
}

interface Definition<O extends Options> {
  summary: string
  /** Names of the arguments in their order; one in brackets may be left out. */
  args?: string[]
  options?: O
  /** Below the options: what else must be known, examples. */
  notes?: string
  /** What it returns is awaited. */
  run (values: Values<O>, args: string[]): unknown
}

/** An error of whoever typed the command, or of what they asked: told in one line that says what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  /** Whether the same may succeed later, or may have succeeded. */
  readonly isRetryable: boolean

  constructor (message: string, { isRetryable = false, ...options }: ErrorOptions & { isRetryable?: boolean } = {}) {
    super(message, options)
    this.isRetryable = isRetryable
  }
}

export function defineCommand<const O extends Options> ({ summary, args = [], options = {} as O, notes, run }: Definition<O>): Command {
  return {
    summary,
    usage (name) {
      const lines = Object.entries<Option>(options).map(([option, { value, help }]) => `  ${`--${option} ${value ?? ''}`.padEnd(24)}${help}`)
      return [`roomcast ${[name, ...args].join(' ')}`, `  ${summary}`, ...lines.length > 0 ? ['', ...lines] : [], ...notes === undefined ? [] : ['', notes]].join('\n')
    },
    run (words) {
      const { values, positionals } = parse(words, options)
      const missing = args.slice(positionals.length).find(arg => !arg.startsWith('['))
      if (missing !== undefined) throw new CommandError(`${missing} is missing: it should be ${args.join(' ')}`)
      if (positionals.length > args.length) throw new CommandError(`${JSON.stringify(positionals[args.length])} is one argument too many: put what belongs together in quotes`)
      return run(values as Values<O>, positionals)
    }
  }
}

function parse (args: string[], options: Options) {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    if (!(error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS_')) throw error
    const [what = ''] = (error as Error).message.split('. ')
    throw new CommandError(`${what}; --help lists what there is`, { cause: error })
  }
}
