// TypeBox schemas as plain JSON Schema for the documents: no symbols, schemas with an id as references.
import type { TSchema } from '@sinclair/typebox'

export type JsonSchema = { [keyword: string]: unknown }

const COMPONENTS = '#/components/schemas/'

/** What schemas with an `$id` are called in `components/schemas`; filled while schemas are made plain. */
export type Components = Record<string, JsonSchema>

/** A copy of the schema in which each part that has an `$id` is a reference, and stands in `components` once. */
export function plain (schema: TSchema, components: Components): JsonSchema {
  const { $id: id, ...rest } = schema
  if (id === undefined) return copy(rest, components)
  if (components[id] === undefined) {
    // Before its parts: a schema may hold itself.
    const component: JsonSchema = components[id] = {}
    Object.assign(component, copy(rest, components))
  }
  return { $ref: `${COMPONENTS}${id}` }
}

function copy (schema: JsonSchema, components: Components): JsonSchema {
  return Object.fromEntries(Object.entries(schema).map(([keyword, value]) => [keyword, copyKeyword(keyword, value, components)]))
}

function copyKeyword (keyword: string, value: unknown, components: Components): unknown {
  if (keyword === 'properties' || keyword === 'patternProperties') {
    return Object.fromEntries(Object.entries(value as Record<string, TSchema>).map(([name, part]) => [name, plain(part, components)]))
  }
  if (keyword === 'anyOf' || keyword === 'oneOf' || keyword === 'allOf') return (value as TSchema[]).map(part => plain(part, components))
  if (keyword === 'items' || keyword === 'not') return plain(value as TSchema, components)
  return value
}
