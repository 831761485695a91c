/**
 * Work and memory of expressions are bounded (catalogue I03, I04): whatever is written, an evaluation ends soon, and what is too
 * much is refused by a count and not by a clock. The figure to hold is 50 ms; ten times that is what makes this test fail.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker, type ResourceLimits } from 'node:worker_threads'
import { createExpressions } from '../../src/definition/expression.ts'
import type { Json } from '../../src/model/json.ts'
import { EXPENSIVE, type Measured } from './expression-bounds-worker.ts'

const MAX_CPU_MS = 500
/** Beside the data, the library and the memory that the collector has not come to yet. */
const MAX_MEMORY_MB = 16

async function measure(resourceLimits: ResourceLimits): Promise<Measured> {
  const worker = new Worker(new URL('./expression-bounds-worker.ts', import.meta.url), { workerData: { job: 'expression-bounds' }, resourceLimits })
  // An `error` event, such as that the memory was not enough, rejects.
  const [measured] = (await once(worker, 'message')) as [Measured]
  await worker.terminate()
  return measured
}

test(`${EXPENSIVE.length} expensive expressions end within their time and memory`, async () => {
  const { baseMb } = await measure({})
  const { outcomes } = await measure({ maxOldGenerationSizeMb: Math.ceil(baseMb) + MAX_MEMORY_MB, maxYoungGenerationSizeMb: 8 })
  for (const [i, [name, src, wanted]] of EXPENSIVE.entries()) {
    const { cpuMs, error } = outcomes[i] ?? assert.fail(name)
    assert.ok(cpuMs < MAX_CPU_MS, `${name} took ${cpuMs} ms: ${src}`)
    assert.equal(error === undefined ? 'done' : 'refused', wanted, `${name}: ${error}`)
    if (error !== undefined) assert.match(error, /^ExpressionError: (the expression does too much work|a pattern unfolds to more|integer overflow|the result is)/, name)
  }
})

test('what is refused once is refused again, and leaves room for the next', () => {
  const expressions = createExpressions()
  const scope = { inputs: { list: Array.from({ length: 1000 }, (_, i) => i) } }
  const dear = expressions.compile('inputs.list.map(a, inputs.list.map(b, inputs.list.map(c, a)))')
  const cheap = expressions.compile('inputs.list.map(a, a + 1).sum()')
  for (let i = 0; i < 3; i++) {
    assert.throws(() => dear.evaluate(scope), /too much work \(its budget is spent\); compute this in a worker/)
    assert.equal(cheap.evaluate(scope), 500_500)
  }
})

test('the budget does not depend on what ran before', () => {
  const scope = { inputs: { list: Array.from({ length: 50_000 }, (_, i) => i) } }
  const at = (length: number): boolean => {
    const expressions = createExpressions()
    try {
      expressions.compile(`inputs.list.map(a, a + 1).size() + ${length} > 0`).evaluate(scope)
      return true
    } catch {
      return false
    }
  }
  assert.deepEqual(Array.from({ length: 10 }, (_, i) => at(i)), Array.from({ length: 10 }, () => true))
})

test('an operator that swallows errors does not swallow this one', () => {
  const expressions = createExpressions()
  const scope = { inputs: { list: Array.from({ length: 1000 }, (_, i) => i) } }
  const loop = 'inputs.list.map(a, inputs.list.map(b, inputs.list.map(c, c))).size() > 0'
  for (const src of [`true || ${loop}`, `false && ${loop}`]) assert.equal(typeof expressions.compile(src).evaluate(scope), 'boolean', src)
  for (const src of [`${loop} || true`, `${loop} && false`, `[1, 2].exists(x, ${loop} || x == 2)`, `inputs.?x.orValue(${loop}) || true`, `cel.bind(x, ${loop}, true)`]) {
    assert.throws(() => expressions.compile(src).evaluate(scope), /too much work/, src)
  }
})

test('results are as deep as may be, and no deeper', () => {
  const expressions = createExpressions()
  const nested = (depth: number): Json => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as Json
  const wrapped = expressions.compile('[inputs.deep]')
  assert.deepEqual(wrapped.evaluate({ inputs: { deep: nested(300) } }), [nested(300)])
  assert.throws(() => wrapped.evaluate({ inputs: { deep: nested(301) } }), /nested deeper than 300 levels/)
  const maps = JSON.parse(`${'{"a":'.repeat(301)}1${'}'.repeat(301)}`) as Json
  assert.throws(() => wrapped.evaluate({ inputs: { deep: maps } }), /nested deeper than 300 levels/)
})

test('sources are bounded', () => {
  const { compile } = createExpressions()
  assert.throws(() => compile(`"${'x'.repeat(5000)}"`), /longer than 4096 bytes/)
  assert.throws(() => compile(`"${'ä'.repeat(2100)}"`), /longer than 4096 bytes/)
  for (const deep of ['('.repeat(2000), '['.repeat(2000), '!'.repeat(4000), '-'.repeat(4000), `${'a?b:'.repeat(1000)}c`, `a${'.b'.repeat(2000)}`, `a${'[0]'.repeat(1300)}`, `1${'+1'.repeat(2000)}`]) {
    assert.throws(() => compile(deep), (error) => error instanceof Error && error.name === 'ExpressionError', deep.slice(0, 20))
  }
})
