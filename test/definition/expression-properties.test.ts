/** Any expression over any data: a value of JSON or an ExpressionError, the same twice, soon, and nothing else touched. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createExpressions, type CheckedExpression } from '../../src/definition/expression.ts'
import { ExpressionError, type Scope } from '../../src/model/expression.ts'
import type { Json } from '../../src/model/json.ts'
import { data, expression } from './expression-arbitrary.ts'
import { assertPlain, watchPrototypes } from './frozen.ts'

const SEED = 20_260_103
const expressions = createExpressions()
const unchanged = watchPrototypes()

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
