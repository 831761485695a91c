/** A run's input against what the workflow declares: names, defaults, JSON Schema; and inputs typed as `-i key=value`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkWorkflow } from '../../src/definition/check.ts'
import { checkInput, InputPairError, parseInputPairs } from '../../src/definition/input.ts'
import type { Definition } from '../../src/model/definition.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { assertPlain, watchPrototypes } from './frozen.ts'

/** `inputs`: as in a file; undefined: none are declared. */
function declaring(inputs: JsonObject | undefined): Definition {
  const text = JSON.stringify({ ...(inputs ? { inputs } : {}), steps: [{ id: 'a', run: 'x' }] })
  const { definition, problems } = checkWorkflow({ file: 'workflows/a.json', text })
  return definition ?? assert.fail(problems.map(({ message }) => message).join('; '))
}

/** Problems in one line each, or the input as it will be. */
function told(inputs: JsonObject | undefined, given: Json): string[] | JsonObject {
  const result = checkInput(declaring(inputs), given)
  return 'input' in result ? result.input : result.problems.map(({ path, message }) => `${path}: ${message}`)
}

/** Of one input `x` with this schema. */
function about(schema: JsonObject, value: Json): string[] | 'ok' {
  const result = told({ x: schema }, { x: value })
  return Array.isArray(result) ? result : 'ok'
}

test('names: all are taken where none are declared, others are refused where some are', () => {
  assert.deepEqual(told(undefined, { any: 1, thing: [2] }), { any: 1, thing: [2] })
  assert.deepEqual(told({}, {}), {})
  assert.deepEqual(told({}, { a: 1 }), ['a: is no input of this workflow; it takes none'])
  assert.deepEqual(told({ name: {} }, { name: null }), { name: null })
  assert.deepEqual(told({ customer: {}, count: {} }, { custmer: 1, count: 2 }), ['custmer: is no input of this workflow; did you mean "customer"?', 'customer: is missing'])
  assert.deepEqual(told({ customer: { optional: true }, count: { optional: true } }, { xyz: 1 }), ['xyz: is no input of this workflow; there are: customer, count'])
  assert.deepEqual(told({ a: {} }, { a: 1, toString: 2, 'with space': 3 }), ['toString: is no input of this workflow; there are: a', '["with space"]: is no input of this workflow; there are: a'])
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`input_number_${i}`, { optional: true }]))
  assert.match(String(told(many, { zzz: 1 })), /input_number_19, …$/)
})

test('what is missing: required, optional, default', () => {
  const inputs = { need: { type: 'string', description: 'Who it is for.' }, may: { type: 'number', optional: true }, has: { type: 'integer', default: 7 }, none: { type: ['string', 'null'], default: null } }
  assert.deepEqual(told(inputs, { need: 'x' }), { need: 'x', has: 7, none: null })
  assert.deepEqual(told(inputs, {}), ['need: is missing (string: Who it is for.)'])
  assert.deepEqual(told(inputs, { need: 'x', may: null }), ['may: must be a number, not null'])
  assert.deepEqual(told(inputs, { need: 'x', has: null }), ['has: must be an integer, not null'])
  assert.deepEqual(told(inputs, { need: 'x', may: 1, has: 2, none: 'y' }), { need: 'x', may: 1, has: 2, none: 'y' })
  assert.deepEqual(told({ a: {}, b: { title: 'B' }, c: { enum: [1] } }, {}), ['a: is missing', 'b: is missing', 'c: is missing'])
})

test('the input itself must be an object', () => {
  for (const [given, what] of [[null, 'null'], [[1], 'a list'], ['x', 'a string'], [5, 'the number 5'], [true, 'true']] as const) {
    assert.deepEqual(told(undefined, given), [`: must be a JSON object, not ${what}`])
  }
})

/** Schema, a value that fits it, one that does not, and what is said of it. */
const KEYWORDS: ReadonlyArray<[JsonObject, Json, Json, string]> = [
  [{ type: 'string' }, 'x', 5, 'x: must be a string, not the number 5'], [{ type: 'number' }, 1.5, '1', 'x: must be a number, not a string'], [{ type: 'integer' }, 2, 1.5, 'x: must be an integer, not the number 1.5'],
  [{ type: 'boolean' }, false, 'false', 'x: must be a boolean, not a string'], [{ type: 'object' }, {}, [], 'x: must be an object, not a list'], [{ type: 'array' }, [], {}, 'x: must be a list, not an object'],
  [{ type: 'null' }, null, 0, 'x: must be null, not the number 0'], [{ type: ['string', 'null'] }, null, 5, 'x: must be a string or null, not the number 5'], [{ type: 'integer', title: 'T' }, 2.0, 'x', 'x: must be an integer, not a string'],
  [{ enum: ['a', 2, null] }, null, 'b', 'x: must be one of: "a", 2, null'], [{ const: { a: 1 } }, { a: 1 }, { a: 2 }, 'x: must be {"a":1}'],
  [{ minLength: 2 }, 'äö', '😀', 'x: must have at least 2 characters'], [{ maxLength: 2 }, '😀😀', 'abc', 'x: must have at most 2 characters'], [{ pattern: '^[a-z]+$' }, 'abc', 'a1', 'x: must match "^[a-z]+$"'],
  [{ minimum: 1 }, 1, 0.5, 'x: must be at least 1'], [{ maximum: 1 }, 1, 2, 'x: must be at most 1'], [{ exclusiveMinimum: 1 }, 1.1, 1, 'x: must be more than 1'], [{ exclusiveMaximum: 1 }, 0, 1, 'x: must be less than 1'],
  [{ multipleOf: 0.01 }, 19.99, 0.005, 'x: must be a multiple of 0.01'], [{ minItems: 1 }, [1], [], 'x: must have at least 1 items'], [{ maxItems: 1 }, [1], [1, 2], 'x: must have at most 1 items'],
  [{ uniqueItems: true }, [1, '1', [1], { a: 1 }], [{ a: 1, b: 2 }, { b: 2, a: 1 }], 'x: must not have equal items'], [{ items: { type: 'string' } }, ['a'], ['a', 5], 'x[1]: must be a string, not the number 5'],
  [{ prefixItems: [{ type: 'string' }], items: false }, ['a'], ['a', 1], 'x: must have at most 1 items'], [{ contains: { type: 'string' }, minContains: 2 }, ['a', 1, 'b'], ['a', 1], 'x: must have at least 2 items that fit `contains`'],
  [{ required: ['a'] }, { a: 1 }, {}, 'x: lacks "a"'], [{ properties: { a: { type: 'string' } } }, { a: 'x', b: 1 }, { a: 1 }, 'x.a: must be a string, not the number 1'],
  [{ properties: { a: {} }, additionalProperties: false }, { a: 1 }, { b: 1 }, 'x: has the unknown key "b"'], [{ additionalProperties: { type: 'number' } }, { a: 1 }, { a: 'x' }, 'x.a: must be a number, not a string'],
  [{ patternProperties: { '^x-': { type: 'string' } } }, { 'x-a': 'b' }, { 'x-a': 1 }, 'x.x-a: must be a string, not the number 1'], [{ propertyNames: { pattern: '^[a-z]+$' } }, { abc: 1 }, { A: 1 }, 'x: has the key "A", which is not allowed'],
  [{ minProperties: 1 }, { a: 1 }, {}, 'x: must have at least 1 keys'], [{ maxProperties: 1 }, { a: 1 }, { a: 1, b: 2 }, 'x: must have at most 1 keys'],
  [{ dependentRequired: { card: ['cvc'] } }, { card: 1, cvc: 2 }, { card: 1 }, 'x: has "card" and lacks "cvc"'], [{ dependentSchemas: { a: { required: ['b'] } } }, { a: 1, b: 2 }, { a: 1 }, 'x: lacks "b"'],
  [{ allOf: [{ minimum: 1 }, { maximum: 2 }] }, 1, 3, 'x: must be at most 2'], [{ anyOf: [{ type: 'string' }, { type: 'number', minimum: 5 }] }, 5, null, 'x: must be a string, not null, or must be a number, not null'],
  [{ oneOf: [{ type: 'integer' }, { minimum: 2 }] }, 1, 3, 'x: fits more than one of the forms of `oneOf`'], [{ oneOf: [{ type: 'string' }, { type: 'null' }] }, null, 3, 'x: must be a string, not the number 3, or must be null, not the number 3'],
  [{ not: { type: 'string' } }, 1, 'a', 'x: must not fit the schema in `not`'], [{ if: { required: ['a'] }, then: { required: ['b'] }, else: { required: ['c'] } }, { c: 1 }, { a: 1 }, 'x: lacks "b"'],
  [{ properties: { a: {} }, unevaluatedProperties: false }, { a: 1 }, { a: 1, z: 2 }, 'x: has the unknown key "z"'], [{ prefixItems: [{}], unevaluatedItems: false }, [1], [1, 2], 'x: must have at most 1 items'],
  [{ $ref: '#/$defs/id', $defs: { id: { type: 'integer' } } }, 1, 'x', 'x: must be an integer, not a string'],
  [{ type: 'object', properties: { child: { $ref: '#' }, n: { type: 'number' } } }, { child: { child: { n: 1 } } }, { child: { child: { n: 'x' } } }, 'x.child.child.n: must be a number, not a string'],
  [{ format: 'email' }, 'a@b.c', 'nope', 'x: must be a valid email'], [{ format: 'date' }, '2026-01-03', '3.1.2026', 'x: must be a valid date'], [{ format: 'date-time' }, '2026-01-03T14:56:32Z', '2026-01-03', 'x: must be a valid date-time'],
  [{ format: 'uuid' }, '123e4567-e89b-12d3-a456-426614174000', 'x', 'x: must be a valid uuid'], [{ format: 'uri' }, 'https://a.b/c', 'a b', 'x: must be a valid uri'], [{ format: 'ipv4' }, '10.0.0.1', '10.0.0', 'x: must be a valid ipv4'],
  [{ properties: { x: true, y: false } }, { x: 1 }, { y: 1 }, 'x.y: is not allowed'],
]

test(`${KEYWORDS.length} keywords of JSON Schema`, () => {
  for (const [schema, good, bad, message] of KEYWORDS) {
    const name = JSON.stringify(schema)
    assert.equal(about(schema, good), 'ok', name)
    assert.deepEqual(about(schema, bad), [message], name)
  }
})

test('annotations check nothing', () => {
  for (const schema of [{}, { title: 'T', description: 'd', examples: [1], deprecated: true, readOnly: true, writeOnly: false, $comment: 'c' }, { format: 'phone' }, { contentMediaType: 'text/html', contentEncoding: 'base64' }]) {
    for (const value of [null, 1, 'x', [], {}]) assert.equal(about(schema, value), 'ok')
  }
})

test('paths lead deep into the value; keys that are no names are quoted', () => {
  const schema = { type: 'object', properties: { orders: { type: 'array', items: { type: 'object', properties: { 'unit price': { type: 'number' }, '7': { type: 'string' }, 'a/b~c': { type: 'string' }, lines: { items: { required: ['sku'] } } } } } } }
  const problems = about(schema, { orders: [{}, { 'unit price': 'x', '7': 1, 'a/b~c': 2, lines: [{ sku: 1 }, {}] }] })
  assert.deepEqual([...problems].sort(), [
    'x.orders[1].lines[1]: lacks "sku"', 'x.orders[1]["7"]: must be a string, not the number 1', 'x.orders[1]["a/b~c"]: must be a string, not the number 2', 'x.orders[1]["unit price"]: must be a number, not a string',
  ])
})

test('all problems are told, up to twenty', () => {
  assert.deepEqual(told({ a: { type: 'string' }, b: { type: 'integer', minimum: 1 }, c: {} }, { a: 1, b: 0, d: 1 }), [
    'd: is no input of this workflow; did you mean "a"?', 'a: must be a string, not the number 1', 'b: must be at least 1', 'c: is missing',
  ])
  const result = told({ x: { items: { type: 'string' } } }, { x: Array.from({ length: 100 }, (_, i) => i) })
  assert.equal(Array.isArray(result) && result.length, 20)
})

test('a form that fails in many ways is told in few words', () => {
  const forms = { anyOf: Array.from({ length: 8 }, (_, i) => ({ type: 'object', required: [`key${i}`] })) }
  assert.deepEqual(about(forms, {}), ['x: fits none of the forms of `anyOf`'])
  assert.deepEqual(about({ anyOf: [{ type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }, { type: 'string' }] }, { a: 1 }), ['x: must be a string, not an object'])
})

test('prototypes are out of reach', () => {
  const unchanged = watchPrototypes()
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    for (const text of [`{"${key}": {"polluted": true}}`, `{"a": {"${key}": 1}}`, `{"a": [{"b": {"${key}": 1}}]}`]) {
      for (const inputs of [undefined, { a: { type: 'object' } }, { a: {} }]) {
        const result = checkInput(declaring(inputs as JsonObject | undefined), JSON.parse(text) as Json)
        assert.ok('problems' in result && result.problems[0]?.message === `the key "${key}" is not allowed`, text)
      }
      unchanged(text)
    }
    assert.throws(() => parseInputPairs(declaring(undefined), [`${key}=1`]), (error) => error instanceof InputPairError && error.message.includes('is not allowed'))
  }
  for (const key of ['toString', 'hasOwnProperty', 'valueOf', 'toJSON']) {
    const result = checkInput(declaring({ [key]: { type: 'string' } }), { [key]: 'x' })
    assert.ok('input' in result)
    assertPlain(result.input, key)
    assert.deepEqual(told({ [key]: { type: 'string' } }, {}), [`${key}: is missing (string)`])
  }
  unchanged('inputs')
})

/** Milliseconds of this thread. */
function spent(action: () => unknown): number {
  const before = process.threadCpuUsage()
  action()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}

test('large and deep inputs are checked soon, or refused with the limit (H10)', () => {
  const deep = JSON.parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`) as Json
  const list = JSON.parse(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`) as Json
  const keys = Object.fromEntries(Array.from({ length: 1_000_000 }, (_, i) => [`k${i}`, i]))
  const inputs = { a: { type: 'array', items: { type: 'string', minLength: 3 } } }
  const ms = spent(() => {
    assert.match(String(told(undefined, deep)), /is nested deeper than 200 levels/)
    assert.match(String(told(undefined, list)), /is nested deeper than 200 levels/)
    assert.deepEqual(told(undefined, keys), [': has more than 100000 keys; pass them as a list, or a reference to the data'])
    assert.deepEqual(told(undefined, { a: { b: keys } }), ['a.b: has more than 100000 keys; pass them as a list, or a reference to the data'])
    assert.equal((told({ a: {} }, Object.fromEntries(Array.from({ length: 90_000 }, (_, i) => [`unknown${i}`, i]))) as string[]).length, 20)
    assert.deepEqual(told(inputs, { a: Array.from({ length: 500_000 }, (_, i) => i) }), ['a[0]: must be a string, not the number 0'])
    assert.ok(!Array.isArray(told(inputs, { a: Array.from({ length: 500_000 }, () => 'long enough') })))
  })
  assert.ok(ms < 20_000, `${ms} ms`)
})

test('patterns and formats take linear time, and uniqueness too (H11)', () => {
  const evil = `${'a'.repeat(50_000)}!`
  const schemas: ReadonlyArray<[JsonObject, Json]> = [
    [{ pattern: '(a+)+$' }, evil], [{ pattern: '(a|aa)+$' }, evil], [{ pattern: '^(([a-z])+.)+[A-Z]([a-z])+$' }, evil], [{ patternProperties: { '(a+)+$': { type: 'string' } } }, { [evil]: 1 }],
    [{ propertyNames: { pattern: '^(a+)+$' } }, { [evil]: 1 }], [{ uniqueItems: true }, Array.from({ length: 100_000 }, (_, i) => `item ${i}`)], [{ uniqueItems: true }, Array.from({ length: 50_000 }, (_, i) => ({ a: i }))],
    ...['email', 'uri', 'uri-reference', 'uri-template', 'url', 'hostname', 'ipv4', 'ipv6', 'regex', 'uuid', 'json-pointer', 'relative-json-pointer', 'byte', 'date', 'time', 'date-time', 'duration', 'float'].flatMap((format) =>
      ['a', 'a.', '::', '{a', '%41', '/~0', 'a@', '0:', 'a-', '1', '(', '//'].map((part): [JsonObject, Json] => [{ type: 'string', format }, part.repeat(30_000)])),
  ]
  for (const [schema, value] of schemas) {
    const ms = spent(() => about(schema, value))
    assert.ok(ms < 3_000, `${JSON.stringify(schema)} took ${ms} ms`)
  }
})

test('a schema that refers to itself in two ways is given up on, however deep the value', () => {
  const twice = { $ref: '#/$defs/n', $defs: { n: { anyOf: [{ properties: { c: { $ref: '#/$defs/n' } }, required: ['x'] }, { properties: { c: { $ref: '#/$defs/n' } }, required: ['y'] }] } } }
  const nested = (depth: number): Json => (depth === 0 ? {} : { c: nested(depth - 1) })
  const ms = spent(() => assert.deepEqual(about(twice, nested(60)), ['x: cannot be checked: its schema refers to itself in too many ways for this value']))
  assert.ok(ms < 5_000, `${ms} ms`)
  assert.match(String(about(twice, nested(3))), /fits none|lacks/)
  const tree = { type: 'object', properties: { l: { $ref: '#' }, r: { $ref: '#' } }, additionalProperties: false }
  const full = (depth: number): Json => (depth === 0 ? {} : { l: full(depth - 1), r: full(depth - 1) })
  assert.equal(about(tree, full(13)), 'ok')
})

test('schemas are never fetched: references lead into the same input only', () => {
  const { problems } = checkWorkflow({ file: 'a.json', text: JSON.stringify({ inputs: { a: { $ref: 'http://127.0.0.1:1/x' }, b: { $ref: 'file:///etc/passwd' }, c: { $ref: 'x.json' } }, steps: [{ id: 'a', run: 'x' }] }) })
  assert.deepEqual(problems.map(({ code }) => code), ['MAG1047', 'MAG1047', 'MAG1047'])
})

const PAIRS: ReadonlyArray<[JsonObject | undefined, string, Json]> = [
  [undefined, 'a=5', '5'], [undefined, 'a=', ''], [undefined, 'a=b=c', 'b=c'], [undefined, 'a:=5', 5], [undefined, 'a:={"b":[1]}', { b: [1] }], [undefined, 'a=two\nlines', 'two\nlines'], [undefined, 'a=:=x', ':=x'],
  [{ type: 'string' }, 'a=5', '5'], [{ type: 'string' }, 'a=true', 'true'], [{ type: 'number' }, 'a=5', 5], [{ type: 'number' }, 'a=-1.5e3', -1500], [{ type: 'number' }, 'a=.5', 0.5], [{ type: 'integer' }, 'a=+7', 7], [{ type: 'integer' }, 'a=1.5', 1.5],
  [{ type: 'boolean' }, 'a=true', true], [{ type: 'boolean' }, 'a=false', false], [{ type: 'object' }, 'a={"b":1}', { b: 1 }], [{ type: 'array' }, 'a=[1,2]', [1, 2]], [{ type: 'null' }, 'a=null', null],
  [{ type: ['integer', 'null'] }, 'a=5', 5], [{ type: ['integer', 'null'] }, 'a=null', null], [{ type: ['integer', 'string'] }, 'a=5', '5'], [{ type: ['boolean', 'array'] }, 'a=true', true], [{ type: ['boolean', 'array'] }, 'a=[1]', [1]],
  [{ enum: [1, 2] }, 'a=1', '1'], [{ type: 'string' }, 'a:=5', 5], [{ type: 'number' }, 'a=9007199254740991', Number.MAX_SAFE_INTEGER],
]

test('-i pairs are read by the declared type', () => {
  for (const [schema, pair, wanted] of PAIRS) assert.deepEqual(parseInputPairs(declaring(schema && { a: schema }), [pair]), { a: wanted }, `${JSON.stringify(schema)} ${pair}`)
  assert.deepEqual(parseInputPairs(declaring(undefined), ['a=1', 'b-c=2', 'a=3']), { a: '3', 'b-c': '2' })
})

const BAD_PAIRS: ReadonlyArray<[JsonObject | undefined, string, string]> = [
  [undefined, 'a', '-i a is neither key=value nor key:=json'], [undefined, '=5', '-i =5 is neither'], [undefined, '', '-i  is neither'], [undefined, ':=5', '-i :=5 is neither'], [undefined, 'a:b=5', '-i a:b=5 is neither'],
  [undefined, 'a:=x', '-i a:=… is not JSON: '], [undefined, 'a:=', '-i a:=… is not JSON: '], [{ type: 'number' }, 'a=five', '-i a=five: a is declared as a number'], [{ type: 'number' }, 'a=', '-i a=: a is declared as a number'],
  [{ type: 'number' }, 'a=0x10', 'a is declared as a number'], [{ type: 'number' }, 'a=Infinity', 'a is declared as a number'], [{ type: 'number' }, 'a= 5', 'a is declared as a number'], [{ type: 'integer' }, 'a=1_000', 'a is declared as an integer'],
  [{ type: 'boolean' }, 'a=yes', '-i a=yes: a is declared as a boolean: true or false'], [{ type: 'object' }, 'a=x', '-i a:=… is not JSON'], [{ type: 'null' }, 'a=5', 'a is declared as null'], [{ type: ['integer', 'null'] }, 'a=x', 'a is declared as an integer or null'],
  [{ type: 'integer' }, 'a=12345678901234567890', '-i a: the number 12345678901234567890 is too large to be kept as it is; give it as text'], [{ type: 'number' }, 'a=+9007199254740993', 'too large to be kept'], [{ type: 'number' }, 'a=1e999', 'too large to be kept'],
  [undefined, 'a:=12345678901234567890', 'too large to be kept'], [undefined, 'a:={"b":[1,-9007199254740993]}', 'the number -9007199254740993 is too large'], [{ type: 'array' }, 'a=[1e400]', 'the number 1e400 is too large'],
]

test('-i pairs that cannot be read say why', () => {
  for (const [schema, pair, message] of BAD_PAIRS) {
    assert.throws(() => parseInputPairs(declaring(schema && { a: schema }), [pair]), (error) => error instanceof InputPairError && error.message.includes(message), `${JSON.stringify(schema)} ${pair}`)
  }
})
