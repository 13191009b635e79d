// The fields of a message as rows of a table, for the page and for docs/protocol.md.
import type { JsonSchema } from './json-schema.ts'

export interface Field {
  /** With the names of the objects around it: `payload.since.epoch`. */
  name: string
  /** In words, with code between backticks. */
  type: string
  /** Whether it is always there. */
  isAlways: boolean
  what: string
}

export function fieldsOf (schema: JsonSchema, prefix = ''): Field[] {
  const { properties = {}, required = [] } = schema as { properties?: Record<string, JsonSchema>, required?: string[] }
  return Object.entries(properties).flatMap(([name, part]) => [
    { name: prefix + name, type: typeOf(part), isAlways: required.includes(name), what: String(part['description'] ?? '') },
    ...fieldsOf(part, `${prefix}${name}.`)
  ])
}

interface Typed {
  $ref?: string
  type?: string
  anyOf?: JsonSchema[]
  const?: unknown
  enum?: string[]
  items?: JsonSchema
  pattern?: string
}

function typeOf (schema: JsonSchema): string {
  const { $ref, type, anyOf, const: value, enum: values, items, pattern } = schema as Typed
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf('/') + 1)
  if (value !== undefined) return `\`${JSON.stringify(value)}\``
  if (values !== undefined) return values.map(one => `\`${one}\``).join(', ')
  if (anyOf !== undefined) return anyOf.map(typeOf).join(' or ')
  if (items !== undefined) return `list of ${typeOf(items)}`
  if (pattern !== undefined) return `${type} \`${pattern}\``
  return type ?? 'any JSON'
}
