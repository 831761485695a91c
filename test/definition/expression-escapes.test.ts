/** Ways out of an expression into the host (catalogue I01, I02): every one is refused, and none leaves a trace. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createExpressions } from '../../src/definition/expression.ts'
import { ExpressionError, type Scope } from '../../src/model/expression.ts'
import { assertPlain, watchPrototypes } from './frozen.ts'

/** Members that every object has by inheritance, or that functions, errors and buffers have. */
const MEMBERS = [
  'constructor', '__proto__', 'prototype', '__defineGetter__', '__defineSetter__', '__lookupGetter__', 'hasOwnProperty', 'isPrototypeOf', 'propertyIsEnumerable',
  'toString', 'toLocaleString', 'valueOf', 'toJSON', 'then', 'caller', 'arguments', 'buffer', 'stack',
]

/** Something of every type that an expression can hold. */
const BASES = [
  'inputs', 'inputs.map', 'inputs.list', 'inputs.text', 'inputs.n', 'inputs.ok', '""', '1', '1.5', 'true', 'null', '[]', '{}', '[1]', '{"a": 1}',
  'timestamp("2026-01-03T14:56:32Z")', 'duration("1s")', 'bytes("a")', 'b"a"', 'cel', 'optional', 'optional.none()', 'type(1)', 'int', '5u',
  'dyn(timestamp("2026-01-03T14:56:32Z"))', 'dyn(duration("1s"))', 'dyn(bytes("a"))', 'optional.of(timestamp("2026-01-03T14:56:32Z"))', 'optional.of(dyn(bytes("a")))',
  '[timestamp("2026-01-03T14:56:32Z")][0]', '{"a": bytes("a")}.a', 'inputs.?text',
]

const HANDMADE = readFileSync(new URL('./expression-escapes.txt', import.meta.url), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'))

function attempts(): string[] {
  const found = [...HANDMADE]
  for (const base of BASES) {
    for (const member of MEMBERS) {
      found.push(`${base}.${member}`, `${base}["${member}"]`)
      if (member.startsWith('_') || member === 'constructor') found.push(`${base}.${member}.${member}`, `cel.bind(x, ${base}, x.${member}.constructor)`)
    }
    found.push(`${base}.constructor("return process")()`, `${base}.__proto__.__proto__`, `${base}["__pro" + "to__"]`, `${base}.constructor.constructor("return process")()`)
  }
  return [...new Set(found)]
}

const SCOPE: Scope = {
  inputs: { map: { a: 1 }, list: [1, 2], text: 'text', n: 1, ok: true, key: 'constructor', proto: '__proto__' },
  steps: { a: { output: null } }, context: {}, env: {}, run: { id: 'TX' },
}

const all = attempts()

test(`${all.length} attempts, all refused`, () => {
  const expressions = createExpressions()
  const unchanged = watchPrototypes()
  for (const src of all) {
    assert.throws(() => {
      const value = expressions.compile(src).evaluate(SCOPE)
      assertPlain(value, src)
      assert.fail(`${src} gave ${JSON.stringify(value)}`)
    }, (error) => error instanceof ExpressionError && error.message !== '', src)
    unchanged(src)
  }
  assert.ok(all.length >= 300)
})

/** Where absence is asked for, it is what there is; data of these names is data. */
const HARMLESS: ReadonlyArray<[string, unknown]> = [
  ['has(cel.bind)', false], ['has(optional.of)', false],
  ['has(inputs.constructor)', false], ['has(inputs.__proto__)', false], ['has(inputs.map.toString)', false], ['"constructor" in inputs', false],
  ['"__proto__" in inputs.map', false], ['inputs.?constructor.orValue("none")', 'none'], ['inputs.?__proto__.?constructor.orValue("none")', 'none'],
  ['inputs[?inputs.key].orValue("none")', 'none'], ['inputs.list[?inputs.proto].orValue("none")', 'none'], ['cel.bind(x, timestamp("2026-01-03T14:56:32Z"), has(x.getTime))', false],
  ['cel.bind(x, bytes("a"), has(x.buffer))', false], ['{"toString": 1}.toString', 1], ['{"valueOf": {"x": 2}}.valueOf.x', 2], ['{"hasOwnProperty": 1} == {"hasOwnProperty": 1}', true],
  ['inputs.map.filter(k, k == "constructor")', []], ['{"then": 1}', { then: 1 }], ['toJson({"toJSON": 1})', '{"toJSON":1}'],
]

test('what is harmless gives data', () => {
  const expressions = createExpressions()
  const unchanged = watchPrototypes()
  for (const [src, wanted] of HARMLESS) {
    const value = expressions.compile(src).evaluate(SCOPE)
    assertPlain(value, src)
    assert.deepEqual(JSON.parse(JSON.stringify(value)), wanted, src)
    unchanged(src)
  }
})

test('data that names inherited members is read as data, or refused where it comes out', () => {
  const expressions = createExpressions()
  const hostile = JSON.parse('{"a": {"constructor": {"name": "x"}, "__proto__": {"polluted": true}, "toString": 1, "length": 5}}') as Scope
  const scope: Scope = { inputs: hostile as never }
  const unchanged = watchPrototypes()
  assert.equal(expressions.compile('inputs.a.toString').evaluate(scope), 1)
  assert.equal(expressions.compile('inputs.a.constructor.name').evaluate(scope), 'x')
  assert.equal(expressions.compile('has(inputs.a.polluted)').evaluate(scope), false)
  assert.throws(() => expressions.compile('[inputs.a]').evaluate(scope), /"(constructor|__proto__)" is not allowed/)
  assert.throws(() => expressions.compile('{inputs.key: 1}').evaluate({ inputs: { key: '__proto__' } }), /not allowed as a key/)
  for (const src of ['size(inputs.a)', 'inputs.a == {}', 'inputs.a.map(k, k)', 'toJson(inputs.a)', 'string(inputs.a)', 'inputs.a.length.x', 'inputs.a in [inputs.a]']) {
    try {
      assertPlain(expressions.compile(src).evaluate(scope), src)
    } catch (error) {
      assert.ok(error instanceof ExpressionError, src)
    }
    unchanged(src)
  }
})

test('only own names of the scope are read', () => {
  const expressions = createExpressions()
  const scope = Object.create({ inherited: 1 }) as Scope
  for (const src of ['inherited', 'toString', 'constructor', 'hasOwnProperty', 'valueOf']) {
    assert.throws(() => expressions.compile(src).evaluate(scope), /is missing/, src)
    assert.throws(() => expressions.compile(src).evaluate({}), /is missing/, src)
  }
})
