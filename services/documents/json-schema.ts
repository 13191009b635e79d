// Converts TypeBox schemas to plain JSON Schema: without symbols, and with references to schemas that have an id.
import type { TSchema } from '@sinclair/typebox'

export type JsonSchema = { [keyword: string]: unknown }

const COMPONENTS = '#/components/schemas/'

/** The schemas with an `$id`, for `components/schemas`; filled during conversion. */
export type Components = Record<string, JsonSchema>

/** Copies a schema. Each part with an `$id` becomes a reference and is added to `components` once. */
export function plain (schema: TSchema, components: Components): JsonSchema {
  const { $id: id, ...rest } = schema
  if (id === undefined) return copy(rest, components)
  if (components[id] === undefined) {
    // Register it before its parts, because a schema may contain itself.
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
