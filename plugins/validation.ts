// Validates HTTP like sockets, whatever the host uses: strict JSON, TypeBox schemas, no coercion in bodies.
import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import fp from 'fastify-plugin'
import { RoomcastError } from '../services/wire/errors.ts'
import { createValidator, fromText } from '../services/wire/validation.ts'

export default fp(async fastify => {
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, fastify.getDefaultJsonParser('error', 'error'))
  fastify.setValidatorCompiler<TSchema>(({ schema, httpPart }) => {
    const validator = createValidator(schema)
    return (given: unknown) => {
      // A query string contains only texts, and may omit values with a default.
      const value = httpPart === 'querystring' ? fromTexts(schema, given) : given
      return validator.accepts(value) ? { value } : { error: new RoomcastError('request/invalid', validator.describeFault(value)) }
    }
  })
  // Answers are typed values, so there is nothing to filter by a schema.
  fastify.setSerializerCompiler(() => answer => JSON.stringify(answer))
  fastify.setReplySerializer(answer => JSON.stringify(answer))
}, { name: 'validation', fastify: '5.x' })

function fromTexts (schema: TSchema, query: unknown): unknown {
  const properties = schema['properties'] as Record<string, TSchema>
  const values = Object.entries(query as Record<string, unknown>).map(([name, text]) =>
    [name, Object.hasOwn(properties, name) ? fromText(properties[name] as TSchema, text) : text])
  return Value.Default(schema, Object.fromEntries(values))
}
