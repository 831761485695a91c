/** Any expression over any data: a value of JSON or an ExpressionError, the same twice, soon, and nothing else touched. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createExpressions, type CheckedExpression } from '../../src/definition/expression.ts'
import { ExpressionError, type Scope } from '../../src/model/expression.ts'
import type { Json } from '../../src/model/json.ts'
import { assertPlain, watchPrototypes } from './frozen.ts'

const SEED = 20_260_103
const expressions = createExpressions()
const unchanged = watchPrototypes()

/** Expressions by their grammar, most of them with a meaning. */
const { expression } = fc.letrec<{ expression: string; atom: string }>((tie) => {
  const sub = tie('expression')
  return {
    atom: fc.constantFrom(
      'inputs', 'inputs.n', 'inputs.list', 'inputs.text', 'inputs.map', 'inputs.none', 'inputs.missing', 'inputs.deep.a.b', 'x', '1', '-3', '2.5', '0', '9007199254740991', '"a"', '"äö😀"', "r'\\d+'", 'true', 'false', 'null', '[]', '{}',
      'b"ab"', '5u', 'timestamp("2026-01-03T14:56:32Z")', 'duration("-1.5s")', 'optional.none()', 'int', 'steps.a.output', 'steps.a.status',
    ),
    expression: fc.oneof({ depthSize: 'small', withCrossShrink: true },
      tie('atom'),
      fc.tuple(sub, fc.constantFrom('+', '-', '*', '/', '%', '==', '!=', '<', '<=', '>', '>=', '&&', '||', 'in'), sub).map(([a, op, b]) => `(${a} ${op} ${b})`),
      fc.tuple(fc.constantFrom('!', '-'), sub).map(([op, a]) => `${op}(${a})`),
      fc.tuple(sub, sub, sub).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
      fc.tuple(sub, fc.constantFrom('.n', '.a', '.?a', '["a"]', '[0]', '[?0]', '.constructor', '.toString', '.?list')).map(([a, member]) => `(${a})${member}`),
      fc.tuple(sub, sub).map(([a, b]) => `(${a})[${b}]`),
      fc.tuple(fc.constantFrom('size', 'string', 'int', 'double', 'bool', 'bytes', 'type', 'timestamp', 'duration', 'sum', 'sort', 'toJson', 'lower', 'upper', 'dyn', 'uint'), sub).map(([f, a]) => `${f}(${a})`),
      fc.tuple(sub, fc.constantFrom('size', 'trim', 'lower', 'sum', 'sort', 'join', 'base64', 'hex', 'string', 'json', 'getHours', 'getFullYear', 'getSeconds', 'getDayOfYear', 'hasValue', 'value')).map(([a, f]) => `(${a}).${f}()`),
      fc.tuple(sub, fc.constantFrom('contains', 'startsWith', 'endsWith', 'indexOf', 'split', 'join', 'matches', 'substring', 'getHours', 'orValue', 'or', 'at'), sub).map(([a, f, b]) => `(${a}).${f}(${b})`),
      fc.tuple(sub, fc.constantFrom('map', 'filter', 'all', 'exists', 'exists_one'), sub).map(([a, f, b]) => `(${a}).${f}(x, ${b})`),
      fc.tuple(sub, sub).map(([a, b]) => `cel.bind(x, ${a}, ${b})`),
      fc.constantFrom('inputs.n', 'inputs.map.k', 'inputs.missing', 'inputs.?deep.a', 'x.a').map((path) => `has(${path})`),
      fc.array(sub, { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
      fc.array(fc.tuple(fc.constantFrom('"a"', '"n"', '1', 'true', 'inputs.text'), sub), { maxLength: 2 }).map((entries) => `{${entries.map(([k, v]) => `${k}: ${v}`).join(', ')}}`),
    ),
  }
})

const data = fc.record({
  n: fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, -0, 1e300, Number.MAX_SAFE_INTEGER)), list: fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 5 }), text: fc.string({ unit: 'grapheme' }), map: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }),
  none: fc.constant(null), deep: fc.constant({ a: { b: [1, { c: 'd' }] } }),
})

interface Answer {
  value?: Json
  error?: string
}

function answer(compiled: CheckedExpression, scope: Scope): Answer {
  try {
    return { value: compiled.evaluate(scope) }
  } catch (error) {
    assert.ok(error instanceof ExpressionError, `${compiled.src}: ${error instanceof Error ? error.stack : String(error)}`)
    assert.ok(error.message !== '' && !/\n|\bundefined\b|TypeError|is not a function|Cannot read/.test(error.message), `${compiled.src}: ${error.message}`)
    return { error: error.message }
  }
}

test('any expression, any data', () => {
  let values = 0
  fc.assert(fc.property(expression, data, (src, inputs) => {
    let compiled: CheckedExpression
    try {
      compiled = expressions.compile(src)
    } catch (error) {
      assert.ok(error instanceof ExpressionError && !/TypeError|undefined|Cannot read/.test(error.message), `${src}: ${String(error)}`)
      return
    }
    const scope = { inputs: inputs as Json, steps: { a: { output: { n: 1 }, status: 'completed' } }, x: [1, { a: 2 }] }
    const before = JSON.stringify(scope)
    const cpu = process.threadCpuUsage()
    const first = answer(compiled, scope)
    const { user, system } = process.threadCpuUsage(cpu)
    assert.ok(user + system < 1_000_000, `${src} took ${(user + system) / 1000} ms`)
    if (first.error === undefined) {
      values++
      assertPlain(first.value, src)
      assert.ok(!/NaN|Infinity/.test(String(JSON.stringify(first.value) === undefined)), src)
    }
    assert.deepEqual(answer(compiled, scope), first, src)
    assert.equal(JSON.stringify(scope), before, `${src} changed its scope`)
    for (const name of compiled.names) assert.ok(['inputs', 'steps', 'x'].includes(name), `${src} reads ${name}`)
  }), { numRuns: 4_000, seed: SEED })
  assert.ok(values > 300, `only ${values} gave a value`)
  unchanged('expressions')
})

test('a condition whose type is known gives that type, or fails', () => {
  const types: Readonly<Record<string, (value: Json | undefined) => boolean>> = {
    bool: (value) => typeof value === 'boolean', string: (value) => typeof value === 'string', int: (value) => typeof value === 'number' && Number.isInteger(value), double: (value) => typeof value === 'number',
  }
  fc.assert(fc.property(expression, data, (src, inputs) => {
    let compiled: CheckedExpression
    try {
      compiled = expressions.compile(src)
    } catch {
      return
    }
    const { value, error } = answer(compiled, { inputs: inputs as Json, steps: { a: { output: null, status: 'failed' } }, x: 1 })
    if (error === undefined) assert.ok(types[compiled.type]?.(value) ?? true, `${src} is to give ${compiled.type} and gave ${JSON.stringify(value)}`)
  }), { numRuns: 3_000, seed: SEED + 1 })
})
