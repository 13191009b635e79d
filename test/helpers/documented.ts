// Holds what a service sends against the schemas of its own documents: nothing may be missing, and nothing be sent that they do not name.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

export interface Documented {
  components: { schemas: Record<string, object> }
}

/** Faults of a value against a schema of the document, as texts; empty: it is as documented. */
export type Faults = (schema: object, value: unknown) => string[]

export function faultsAgainst (document: Documented): Faults {
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false })
  ajv.addVocabulary(['components', 'x-examples'])
  // The components stand in the root of every schema that is compiled, so that references find them.
  const compiled = new WeakMap<object, ValidateFunction>()

  return (schema, value) => {
    let validate = compiled.get(schema)
    if (validate === undefined) {
      validate = ajv.compile({ ...closed(schema) as object, components: closed(document.components) })
      compiled.set(schema, validate)
    }
    return validate(value) ? [] : (validate.errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)} in ${JSON.stringify(value)}`)
  }
}

/** The schema without room for what it does not name. */
function closed (schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const parts = Object.fromEntries(Object.entries(schema).map(([keyword, value]) => [keyword, closed(value)]))
  return 'properties' in parts && parts['type'] === 'object' ? { ...parts, additionalProperties: false } : parts
}
