// Checks a value against its schema and describes the first fault. Used for HTTP, sockets and messages.
import { TypeCompiler } from '@sinclair/typebox/compiler'
import type { Static, TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { errorCodes, RoomcastError } from './errors.ts'

/** A compiled schema. */
export interface Validator<T extends TSchema> {
  accepts (value: unknown): value is Static<T>
  /**
   * Checks a value and returns it with the type of the schema.
   * @throws RoomcastError `request/invalid` that says what is wrong
   */
  parse (value: unknown): Static<T>
  /** Describes the first fault by its place. Never quotes the value, which may be a secret. */
  describeFault (value: unknown): string
}

/** Compiles a schema. Takes a fraction of a millisecond, so do it once per schema and not per value. */
export function createValidator<T extends TSchema> (schema: T): Validator<T> {
  const check = TypeCompiler.Compile(schema)

  function describeFault (value: unknown): string {
    const fault = check.Errors(value).First()
    if (fault === undefined) return errorCodes['request/invalid'].message
    const pattern: unknown = fault.schema['pattern']
    const expected = typeof pattern === 'string' ? `${fault.message} (${pattern})` : fault.message
    return `${fault.path === '' ? 'The request' : fault.path.slice(1).replaceAll('/', '.')}: ${expected}.`
  }

  return {
    accepts: (value): value is Static<T> => check.Check(value),
    parse (value) {
      if (check.Check(value)) return value
      throw new RoomcastError('request/invalid', describeFault(value))
    },
    describeFault
  }
}

/**
 * Converts a text of the environment or a query string by its schema; returns the text itself if that is impossible.
 * Integers are checked first, because TypeBox alone would cut 1.5 to 1.
 */
export function fromText (schema: TSchema, text: unknown): unknown {
  return schema.type === 'integer' && typeof text === 'string' && !/^-?\d+$/.test(text) ? text : Value.Convert(schema, text)
}

/** Whether a value is nested deeper than `depth`. Recurses no deeper, so that the stack cannot overflow. */
export function isDeeperThan (value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (depth === 0) return true
  if (Array.isArray(value)) return value.some(part => isDeeperThan(part, depth - 1))
  // `for in` is safe because JSON has no inherited fields, and it allocates no list.
  for (const name in value) {
    if (isDeeperThan((value as Record<string, unknown>)[name], depth - 1)) return true
  }
  return false
}
