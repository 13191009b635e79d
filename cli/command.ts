// A command of the command line, and the parsing of its arguments.
import { parseArgs } from 'node:util'

/** An option of `util.parseArgs`, with its help. */
export interface Option {
  type: 'string' | 'boolean'
  multiple?: boolean
  /** The placeholder for its value in the help, for example SECONDS. */
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
  /** Names of the arguments, in order. One in brackets is optional. */
  args?: string[]
  options?: O
  /** Text below the options, for example usage examples. */
  notes?: string
  /** Runs the command. Its promise is awaited. */
  run (values: Values<O>, args: string[]): unknown
}

/** An error of the user or of the request. Printed as one line that says what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  /** Whether a retry may succeed, or the request may have succeeded. */
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
      if (positionals.length > args.length) throw new CommandError(`${JSON.stringify(positionals[args.length])} is one argument too many: put an argument with spaces in quotes`)
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
    throw new CommandError(`${what}; --help lists the options`, { cause: error })
  }
}
