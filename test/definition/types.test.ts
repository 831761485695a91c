/** Types of definitions: every problem word for word, no problem where there is none, and types that hold what expressions give. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkWorkflow } from '../../src/definition/check.ts'
import { createExpressions, type CheckedExpression } from '../../src/definition/expression.ts'
import { misfitOf } from '../../src/definition/types/fit.ts'
import { inferExpression } from '../../src/definition/types/infer.ts'
import type { Finding } from '../../src/definition/types/infer-scope.ts'
import { typeOfJson } from '../../src/definition/types/schema-type.ts'
import { asData, describeType, widen, type Type } from '../../src/definition/types/type.ts'
import { ExpressionError } from '../../src/model/expression.ts'
import type { Json } from '../../src/model/json.ts'
import { checkedCase, rewritten, topics } from './corpus.ts'
import { data, expression } from './expression-arbitrary.ts'
import { typed } from './type-workers.ts'

const SEED = 20_260_104
const rewrite = process.env.UPDATE_GOLDEN === '1'

for (const topic of topics('types')) {
  test(`types/${topic.name}: ${topic.cases.length} cases`, () => {
    const now = rewritten(topic, typed)
    if (rewrite) writeFileSync(topic.url, now)
    else assert.equal(now, readFileSync(topic.url, 'utf8'), `types/${topic.name} differs; look at it, then UPDATE_GOLDEN=1`)
  })
}

test('what is valid without types has no errors where nothing is known of workers', () => {
  let valid = 0
  for (const one of topics().flatMap(({ cases }) => cases)) {
    if (!checkedCase(one).definition) continue
    valid++
    const { problems } = checkWorkflow(one, { worker: () => undefined })
    assert.deepEqual(problems.filter(({ severity }) => severity === 'error'), [], one.title)
  }
  assert.ok(valid > 20, `${valid}`)
})

const rows = (count: number, row: (i: number) => string): string => Array.from({ length: count }, (_, i) => row(i)).join('')
const HOSTILE: Readonly<Record<string, string>> = {
  'ten thousand keys of the context': `steps:\n${rows(10_000, (i) => `  - { id: s${i}, set: { k${i}: ${i} } }\n`)}`,
  'a join of five thousand steps': `steps:\n${rows(5_000, (i) => `  - { id: s${i}, set: { k${i}: ${i} }, needs: [] }\n`)}  - { id: j, needs: [${rows(5_000, (i) => `s${i},`)}], set: { z: "\${{ context.k1 }}" } }\n`,
  'thirty thousand expressions': `steps:\n  - { id: a, set: { x: 1 } }\n  - id: b\n    set:\n${rows(30_000, (i) => `      k${i}: \${{ steps.a.output.x }}\n`)}`,
  'expressions over a wide context': `inputs: { ${rows(400, (i) => `i${i}: { type: number }, `)} }\nsteps:\n  - id: a\n    set:\n${rows(15_000, (i) => `      k${i}: \${{ context.i${i % 400} + ${i} }}\n`)}`,
  'long conditions': `inputs: { n: { type: object } }\nsteps:\n${rows(100, (i) => `  - { id: s${i}, if: "${rows(90, (k) => `has(inputs.n.a${k + i * 1_000}) && `)} true", run: echo }\n`)}`,
  'conditions nested to the right': `inputs: { n: { type: object } }\nsteps:\n${rows(60, (i) => `  - { id: s${i}, if: "${rows(90, () => '(inputs.n.a == 1 && ')} true ${rows(90, () => ')')} || inputs.n.b == ${i}", run: echo }\n`)}`,
  'a type that doubles at each step': `steps:\n  - { id: s0, set: { v: { a: 1, b: 2 } } }\n${rows(60, (i) => `  - { id: s${i + 1}, set: { v: { a: "\${{ steps.s${i}.output.v }}", b: "\${{ steps.s${i}.output.v }}" } } }\n`)}`,
  'a type that doubles in an expression': `steps:\n  - { id: a, set: { v: "\${{ cel.bind(x, 1, ${rows(30, () => 'cel.bind(x, {\'a\': [x], \'b\': x}, ')} x ${rows(31, () => ')')} }}" } }\n`,
}

for (const [name, text] of Object.entries(HOSTILE)) {
  test(`hostile: ${name}`, () => {
    const cpu = () => {
      const { user, system } = process.threadCpuUsage()
      return (user + system) / 1_000
    }
    const begin = cpu()
    const plain = checkWorkflow({ file: 'workflows/w.yaml', text })
    const between = cpu()
    const checked = checkWorkflow({ file: 'workflows/w.yaml', text }, typed)
    const end = cpu()
    assert.ok(plain.definition || plain.problems.length > 0)
    assert.ok(checked.types || checked.problems.length > 0)
    assert.ok(end - between < 1_000 + 2 * (between - begin), `${end - between} ms with types, ${between - begin} ms without`)
  })
}

const expressions = createExpressions()

function inferred(compiled: CheckedExpression, inputs: Type, findings: Finding[]): Type {
  const names = new Map<string, Type>([['inputs', inputs], ['steps', typeOfJson(STEPS)], ['x', typeOfJson(X)]])
  return asData(inferExpression(compiled.ast, { names, facts: new Map() }, { tell: (finding) => { findings.push(finding) }, near: () => undefined, why: () => undefined, missing: 'tell' }))
}

const STEPS = { a: { output: { n: 1 }, status: 'completed' } }
const X = [1, { a: 2 }]

test('a value is of the type that was inferred for it', () => {
  let known = 0
  fc.assert(fc.property(expression, data, fc.boolean(), (src, inputs, exact) => {
    let value: Json
    let compiled: CheckedExpression
    try {
      compiled = expressions.compile(src)
      value = compiled.evaluate({ inputs: inputs as Json, steps: STEPS, x: X })
    } catch (error) {
      assert.ok(error instanceof ExpressionError)
      return
    }
    const findings: Finding[] = []
    const type = inferred(compiled, exact ? typeOfJson(inputs as Json) : widen(typeOfJson(inputs as Json)), findings)
    if (findings.length > 0) return
    if (type.t !== 'unknown') known++
    assert.equal(misfitOf(typeOfJson(value), type, 'whole'), undefined, `${src} gave ${JSON.stringify(value)}, which is not ${describeType(type)}`)
  }), { numRuns: 6_000, seed: SEED })
  assert.ok(known > 200, `only ${known} were known`)
})

test('no error is told of an expression that gives a value, where all of it is evaluated', () => {
  let values = 0
  fc.assert(fc.property(expression.filter((src) => !/&&|\|\||\?|\.(?:map|filter|all|exists|exists_one|or|orValue)\(|bind|has\(/.test(src)), data, (src, inputs) => {
    try {
      const compiled = expressions.compile(src)
      const findings: Finding[] = []
      const value = compiled.evaluate({ inputs: inputs as Json, steps: STEPS, x: X })
      inferred(compiled, typeOfJson(inputs as Json), findings)
      values++
      assert.deepEqual(findings.filter(({ severity, message }) => severity === 'error' && !/ may be /.test(message)), [], `${src} gave ${JSON.stringify(value)}`)
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error
    }
  }), { numRuns: 6_000, seed: SEED + 1 })
  assert.ok(values > 300, `only ${values} gave a value`)
})
