/** The checks of a value against a schema say yes and no as the library does that they are made with. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import fc from 'fast-check'
import { schemaProblems } from '../../src/definition/json-schema.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'

const require = createRequire(import.meta.url)
const { default: Ajv2020 } = require('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js')

const NAMES = ['a', 'b', 'c d', '7']
const types = fc.constantFrom('string', 'number', 'integer', 'boolean', 'object', 'array', 'null')
const small = fc.nat(3)

/** Keywords of which each schema has a few. */
const { schema } = fc.letrec<{ schema: Json }>((tie) => {
  const sub = tie('schema')
  const named = fc.dictionary(fc.constantFrom(...NAMES), sub, { maxKeys: 2 })
  const list = fc.array(sub, { minLength: 1, maxLength: 2 })
  const keywords: Record<string, fc.Arbitrary<unknown>> = {
    type: fc.oneof(types, fc.uniqueArray(types, { minLength: 1, maxLength: 3 })), enum: fc.array(fc.jsonValue({ maxDepth: 1 }), { minLength: 1, maxLength: 4 }), const: fc.jsonValue({ maxDepth: 1 }), minLength: small, maxLength: small, pattern: fc.constantFrom('^a', 'b$', '[0-9]'),
    minimum: fc.integer({ min: -3, max: 3 }), maximum: fc.integer({ min: -3, max: 3 }), exclusiveMinimum: small, exclusiveMaximum: small, multipleOf: fc.constantFrom(1, 2, 0.5), minItems: small, maxItems: small, uniqueItems: fc.boolean(), items: sub, prefixItems: list, contains: sub,
    required: fc.uniqueArray(fc.constantFrom(...NAMES), { maxLength: 2 }), properties: named, patternProperties: fc.dictionary(fc.constantFrom('^a', 'd$'), sub, { maxKeys: 1 }), additionalProperties: sub, propertyNames: sub, minProperties: small, maxProperties: small,
    dependentRequired: fc.constant({ a: ['b'] }), dependentSchemas: named, allOf: list, anyOf: list, oneOf: list, not: sub, if: sub, then: sub, else: sub, unevaluatedProperties: fc.boolean(), title: fc.constant('T'), default: fc.constant(1),
  }
  const some = fc.uniqueArray(fc.constantFrom(...Object.keys(keywords)), { maxLength: 4 })
  return { schema: fc.oneof({ maxDepth: 3, depthSize: 'small' }, fc.boolean(), some.chain((keys) => fc.record(Object.fromEntries(keys.map((key) => [key, keywords[key] ?? fc.constant(null)]))))) as fc.Arbitrary<Json> }
})

const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.dictionary(fc.constantFrom(...NAMES), fc.jsonValue({ maxDepth: 1 })), fc.array(fc.constantFrom(1, 1, 'a', null, { a: 1 })), fc.string(), fc.integer({ min: -4, max: 4 })) as fc.Arbitrary<Json>

test('random schemas, random values: the same yes or no', () => {
  let refused = 0
  let total = 0
  fc.assert(fc.property(schema, fc.array(value, { minLength: 1, maxLength: 5 }), (given, values) => {
    // A schema that is true or false stands within others only.
    const whole: JsonObject = typeof given === 'boolean' ? { not: !given } : (given as JsonObject)
    const wanted = new Ajv2020({ strict: false, validateSchema: false, logger: false, multipleOfPrecision: 9 }).compile(whole)
    for (const one of values) {
      const problems = schemaProblems(whole, one)
      total++
      if (problems.length > 0) refused++
      assert.equal(problems.length === 0, wanted(one), `${JSON.stringify(whole)} for ${JSON.stringify(one)}: ${JSON.stringify(problems)}`)
      for (const { message } of problems) assert.ok(message !== '' && !/undefined|\[object/.test(message), `${JSON.stringify(whole)}: ${message}`)
    }
  }), { numRuns: 600, seed: 20_260_103 })
  assert.ok(refused > total / 10 && refused < (total * 9) / 10, `${refused} of ${total} refused`)
})
