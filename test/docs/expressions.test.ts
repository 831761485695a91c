/** Every example of docs/expressions.md is evaluated: tables of `expression | with | gives`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { createExpressions } from '../../src/definition/expression.ts'
import { ExpressionError, type Scope } from '../../src/model/expression.ts'
import { page, spans, tableRows } from './pages.ts'

const rows = tableRows(page('docs/expressions.md').text, ['expression', 'with', 'gives'])

test(`docs/expressions.md: ${rows.length} expressions give what it says`, () => {
  assert.ok(rows.length > 40)
  const expressions = createExpressions()
  for (const [expression = '', given = '', gives = ''] of rows) {
    const [source = ''] = spans(expression)
    const scope = (parse(spans(given)[0] ?? '{}') ?? {}) as Scope
    const evaluate = () => expressions.compile(source).evaluate(scope)
    const [value = ''] = spans(gives)
    if (gives.startsWith('an error')) assert.throws(evaluate, (error) => error instanceof ExpressionError && error.message.includes(value), `${source} is refused: ${value}`)
    else assert.deepEqual(JSON.parse(JSON.stringify(evaluate())), JSON.parse(value), source)
  }
})
