// Checks a value against its schema, and says what is wrong in one sentence; both doors use it.
import { TypeCompiler, type TypeCheck } from '@sinclair/typebox/compiler'
import type { Static, TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { RoomcastError } from './errors.ts'

const compiled = new WeakMap<TSchema, TypeCheck<TSchema>>()

/** The compiled check of a schema, made once. */
export function checker<T extends TSchema> (schema: T): TypeCheck<T> {
  let check = compiled.get(schema)
  if (check === undefined) {
    check = TypeCompiler.Compile(schema)
    compiled.set(schema, check)
  }
  return check as unknown as TypeCheck<T>
}

/** The first fault of a value, named by its place; never the value itself, which may be a secret. */
export function describeFault (schema: TSchema, value: unknown): string {
  const fault = checker(schema).Errors(value).First()
  if (fault === undefined) return 'The request does not have the right form.'
  const pattern: unknown = fault.schema['pattern']
  const expected = typeof pattern === 'string' ? `${fault.message} (${pattern})` : fault.message
  return `${fault.path === '' ? 'The request' : fault.path.slice(1).replaceAll('/', '.')}: ${expected}.`
}

/**
 * The value as the type of its schema.
 * @throws RoomcastError `request/invalid` that says what is wrong
 */
export function parse<T extends TSchema> (schema: T, value: unknown): Static<T> {
  if (checker(schema).Check(value)) return value
  throw new RoomcastError('request/invalid', describeFault(schema, value))
}

/**
 * What a text of the environment or of a query string stands for by its schema; the text itself if that is nothing.
 * TypeBox alone would cut 1.5 to 1.
 */
export function fromText (schema: TSchema, text: unknown): unknown {
  return schema.type === 'integer' && typeof text === 'string' && !/^-?\d+$/.test(text) ? text : Value.Convert(schema, text)
}

/** Without recursion of its own beyond `depth`: what is deeper could exhaust the stack. */
export function isDeeperThan (value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (depth === 0) return true
  if (Array.isArray(value)) return value.some(part => isDeeperThan(part, depth - 1))
  // JSON has no inherited fields; a list of the values would be made for each object.
  for (const name in value) {
    if (isDeeperThan((value as Record<string, unknown>)[name], depth - 1)) return true
  }
  return false
}
