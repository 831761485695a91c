/** Texts with `${{ }}` in them: where an expression ends, what becomes of text around it, and that nothing is evaluated twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createExpressions } from '../../src/definition/expression.ts'
import { hasTemplate, splitTemplate } from '../../src/definition/template.ts'
import { evaluateValue, expressionsOf, parseTemplate, valueRefs } from '../../src/definition/value.ts'
import type { Value } from '../../src/model/definition.ts'
import { ExpressionError } from '../../src/model/expression.ts'
import type { Json } from '../../src/model/json.ts'

const expressions = createExpressions()
const SCOPE = {
  inputs: { name: 'Ada', n: 3, half: 1.5, list: [1, 'two'], map: { k: 'v' }, none: null, yes: true, text: '${{ inputs.secret }}', empty: '' },
}

function parsed(text: string): Value {
  const result = parseTemplate(text)
  return result.ok ? result.value : assert.fail(`${text}: ${result.error.message}`)
}

function given(text: string): Json {
  return evaluateValue(parsed(text), SCOPE, expressions)
}

const GIVES: ReadonlyArray<[string, Json]> = [
  ['plain', 'plain'], ['', ''], ['$ {{ x }}', '$ {{ x }}'], ['{{ x }}', '{{ x }}'], ['${ x }', '${ x }'],
  // One expression alone keeps its type.
  ['${{ inputs.n }}', 3], ['${{inputs.n}}', 3], ['${{  inputs.n  }}', 3], ['${{\ninputs.n\n}}', 3], ['${{ inputs.list }}', [1, 'two']], ['${{ inputs.map }}', { k: 'v' }],
  ['${{ inputs.none }}', null], ['${{ inputs.yes }}', true], ['${{ inputs.half }}', 1.5], ['${{ inputs.empty }}', ''],
  // Text around it makes a text; what is none stands in it as JSON.
  ['${{ inputs.name }}!', 'Ada!'], [' ${{ inputs.n }}', ' 3'], ['n: ${{ inputs.n }}', 'n: 3'], ['${{ inputs.list }}.', '[1,"two"].'], ['${{ inputs.map }} ', '{"k":"v"} '],
  ['<${{ inputs.none }}>', '<null>'], ['<${{ inputs.yes }}>', '<true>'], ['<${{ inputs.half }}>', '<1.5>'], ['<${{ inputs.empty }}>', '<>'],
  ['${{ inputs.name }}${{ inputs.n }}', 'Ada3'], ['${{ inputs.n }} and ${{ inputs.name }} and ${{ inputs.n }}', '3 and Ada and 3'],
  // `}}` ends only outside of strings and brackets.
  ["${{ '}}' }}", '}}'], ['${{ "}}" }}', '}}'], ["${{ 'it\\'s }}' }}", "it's }}"], ["${{ '''}}''' }}", '}}'], ['${{ """"}}" """ }}', '"}}" '],
  ["${{ {'a': {'b': 1}} }}", { a: { b: 1 } }], ["${{ {'a': {'b': {}}} }} x", '{"a":{"b":{}}} x'], ['${{ [[1], [2]] }}', [[1], [2]]], ["${{ {'a': [{'b': '}}'}]} }}", { a: [{ b: '}}' }] }],
  ["${{ r'\\d}}' }}", '\\d}}'], ["${{ (inputs.n) }}}}", '3}}'], ["}} ${{ inputs.n }}", '}} 3'], ['${{ inputs.map }}}', '{"k":"v"}}'], ["$${{ inputs.n }}", '$3'],
  ["${{ inputs.n }} ${ x } {{ y }}", '3 ${ x } {{ y }}'], ["a\\${{ inputs.n }}", 'a\\3'],
  // What an expression gives is never evaluated again.
  ['${{ inputs.text }}', '${{ inputs.secret }}'], ['<${{ inputs.text }}>', '<${{ inputs.secret }}>'], ["${{ '$' + '{{ inputs.n }}' }}", '${{ inputs.n }}'],
]

test(`${GIVES.length} texts and what they give`, () => {
  for (const [text, wanted] of GIVES) assert.deepEqual(JSON.parse(JSON.stringify(given(text))), wanted, text)
})

const BROKEN: ReadonlyArray<[string, string, number, number]> = [
  ['${{', 'A "${{" without its "}}"', 0, 3], ['a ${{ inputs.n', 'A "${{" without its "}}"', 2, 5], ['${{ inputs.n }', 'A "${{" without its "}}"', 0, 3],
  ["${{ '}}", 'A "${{" without its "}}"', 0, 3], ['${{ [ }}', 'A "${{" without its "}}"', 0, 3], ['${{ { }}', 'A "${{" without its "}}"', 0, 3], ["${{ '''}}' }}", 'A "${{" without its "}}"', 0, 3],
  ['${{ inputs.n }} ${{ x', 'A "${{" without its "}}"', 16, 19], ['${{}}', 'An empty "${{ }}"', 0, 5], ['a ${{ \n }}', 'An empty "${{ }}"', 2, 10],
]

test('broken texts say where', () => {
  for (const [text, message, start, end] of BROKEN) assert.deepEqual(parseTemplate(text), { ok: false, error: { message, start, end } }, text)
})

test('parts know where their expressions begin', () => {
  const text = 'a ${{ inputs.n }} b ${{\n  inputs.name}}'
  const split = splitTemplate(text)
  assert.ok(split.ok)
  for (const part of split.parts) if (typeof part !== 'string') assert.ok(text.startsWith(part.src, part.start))
  assert.equal(split.parts.length, 4)
  assert.equal(hasTemplate('a $ {{ b }}'), false)
})

const NESTED: Value = {
  t: 'map', entries: [
    ['lit', { t: 'lit', v: { a: [1] } }], ['n', { t: 'expr', src: 'inputs.n + 1' }], ['text', { t: 'text', parts: ['<', { t: 'expr', src: 'steps.a.output' }, '>'] }],
    ['list', { t: 'list', items: [{ t: 'expr', src: 'inputs.name' }, { t: 'lit', v: 2 }, { t: 'map', entries: [['deep', { t: 'expr', src: 'steps.b.status' }]] }] }],
  ],
}

test('values nest, and say what they read', () => {
  const scope = { ...SCOPE, steps: { a: { output: { x: 1 } }, b: { status: 'completed' } } }
  assert.deepEqual(evaluateValue(NESTED, scope, expressions), { lit: { a: [1] }, n: 4, text: '<{"x":1}>', list: ['Ada', 2, { deep: 'completed' }] })
  const { names, stepIds } = valueRefs(NESTED, expressions)
  assert.deepEqual([...names].sort(), ['inputs', 'steps'])
  assert.deepEqual([...stepIds].sort(), ['a', 'b'])
  assert.deepEqual(expressionsOf(NESTED).map(({ src }) => src), ['inputs.n + 1', 'steps.a.output', 'inputs.name', 'steps.b.status'])
  assert.deepEqual(valueRefs({ t: 'lit', v: 1 }, expressions), { names: new Set(), stepIds: [] })
})

test('what is missing fails the value, or is null where that is asked for', () => {
  const missing: Value = { t: 'map', entries: [['a', { t: 'expr', src: 'inputs.gone.x' }], ['b', { t: 'list', items: [{ t: 'expr', src: 'inputs.also' }, { t: 'expr', src: 'inputs.n' }] }]] }
  assert.throws(() => evaluateValue(missing, SCOPE, expressions), (error) => error instanceof ExpressionError && error.missing && /^inputs\.gone is missing/.test(error.message))
  const told: string[] = []
  assert.deepEqual(evaluateValue(missing, SCOPE, expressions, { missingAsNull: (reference) => told.push(reference) }), { a: null, b: [null, 3] })
  assert.deepEqual(told, ['inputs.gone.x', 'inputs.also'])
  assert.equal(evaluateValue(parsed('n ${{ inputs.n }} ${{ inputs.gone }}'), SCOPE, expressions, { missingAsNull: (reference) => told.push(reference) }), null)
  assert.equal(told.at(-1), 'n ${{ inputs.n }} ${{ inputs.gone }}')
})

test('only what is missing becomes null: other failures fail', () => {
  const options = { missingAsNull: () => undefined }
  for (const value of [{ t: 'expr', src: '1 / 0' }, { t: 'expr', src: 'inputs.n + inputs.name' }, { t: 'text', parts: ['<', { t: 'expr', src: '1 % 0' }, '>'] }] satisfies Value[]) {
    assert.throws(() => evaluateValue(value, SCOPE, expressions, options), ExpressionError)
  }
})
