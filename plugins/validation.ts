// The same checks at the HTTP door as at the socket door: TypeBox schemas, nothing coerced in a body.
import { Value } from '@sinclair/typebox/value'
import type { TSchema } from '@sinclair/typebox'
import fp from 'fastify-plugin'
import { RoomcastError } from '../services/errors.ts'
import { checker, describeFault } from '../services/validation.ts'

export default fp(async fastify => {
  fastify.setValidatorCompiler<TSchema>(({ schema, httpPart }) => {
    const check = checker(schema)
    return (given: unknown) => {
      // A query string knows only texts.
      const value = httpPart === 'querystring' ? Value.Convert(schema, given) : given
      return check.Check(value) ? { value } : { error: new RoomcastError('request/invalid', describeFault(schema, value)) }
    }
  })
  // Answers are made from typed values; what a schema does not name is not there to be filtered out.
  fastify.setSerializerCompiler(() => answer => JSON.stringify(answer))
}, { name: 'validation', fastify: '5.x' })
