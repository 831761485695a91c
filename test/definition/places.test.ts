/** Where the characters of a text stand in its file, whatever quotes, escapes, folding and indentation lie between. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Document, Scalar } from 'yaml'
import { parseText } from '../../src/definition/parse.ts'
import { createReport } from '../../src/definition/report.ts'
import { offsetInScalar } from '../../src/definition/scalar-places.ts'
import { entryOf, type ScalarNode } from '../../src/definition/tree.ts'

function scalarOf(text: string): ScalarNode {
  const report = createReport('a.yaml', text)
  const node = parseText(report)
  const value = node?.kind === 'map' ? entryOf(node, 'a')?.value : undefined
  return value?.kind === 'scalar' ? value : assert.fail(`${JSON.stringify(text)}: ${report.problems.map(({ message }) => message).join('; ')}`)
}

/** What a place in the file says, an escape being one sign. */
function signAt(text: string, at: number, isDouble: boolean): string {
  if (!isDouble || text[at] !== '\\') return text[at] ?? ''
  const sequence = /^\\(?:x..|u....|U........|.)/s.exec(text.slice(at))?.[0] ?? ''
  const code = /^\\[xuU]([0-9a-fA-F]+)$/.exec(sequence)?.[1]
  const known: Record<string, string> = { '\\\\': '\\', '\\"': '"', '\\/': '/', '\\0': '\0', '\\a': '\x07', '\\b': '\b', '\\e': '\x1b', '\\f': '\f', '\\v': '\v', '\\N': '\u0085', '\\_': '\u00a0', '\\L': '\u2028', '\\P': '\u2029' }
  return code === undefined ? (known[sequence] ?? sequence) : String.fromCodePoint(Number.parseInt(code, 16))
}

function holds(text: string): void {
  const node = scalarOf(text)
  const value = String(node.value)
  const isDouble = text[node.span.start] === '"'
  let last = 0
  for (let i = 0; i <= value.length; i++) {
    const at = offsetInScalar(text, node, i)
    assert.ok(at >= last && at >= node.span.start && at <= node.span.end, `${JSON.stringify(text)}: ${i} is at ${at}, after ${last}`)
    last = at
    const sign = value[i]
    if (sign === undefined || /[ \t\r\n]/.test(sign)) continue
    const found = signAt(text, at, isDouble)
    assert.ok(found.includes(sign), `${JSON.stringify(text)}: ${JSON.stringify(sign)} of ${i} is looked for at ${at}, where ${JSON.stringify(found)} is`)
  }
}

const text = fc.array(fc.constantFrom('a', 'b', ' ', '  ', '\n', '\n\n', '\n  ', "'", '"', '\\', '\\n', '#', ' #', ': ', '${{ x }}', 'ä', '日', '😀', '\t', '-', '\u00a0', '\u0085', 'word '), { maxLength: 25 }).map((parts) => parts.join(''))
const styles = ['PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE', 'BLOCK_LITERAL', 'BLOCK_FOLDED'] as const

test('texts in every style', () => {
  const seen = new Set<string>()
  fc.assert(fc.property(text, fc.constantFrom(...styles), fc.constantFrom(0, 20, 40), fc.boolean(), (value, style, lineWidth, isWindows) => {
    const scalar = new Scalar(value)
    scalar.type = style
    const document = new Document({ a: 1, b: 2 })
    document.set('a', scalar)
    const written = document.toString({ lineWidth, minContentWidth: 5 })
    // What is folded there keeps its folds, and its value, with either line break.
    const file = isWindows && !/\r/.test(written) ? written.replaceAll('\n', '\r\n') : written
    seen.add(scalarOf(file).style)
    holds(file)
  }), { numRuns: 3_000, seed: 20_260_103 })
  assert.deepEqual([...seen].sort(), ['block', 'plain', 'quoted'])
})

test('escapes of all kinds', () => {
  holds(String.raw`a: "\0\a\b\e\f\v\N\_\L\P\"\/\\ \x41\u00e4\U0001F600\uFFFD\U0000FFFF \t\n\r end"`)
  holds('a: "one \\\n    two\n\n    three \\\n\n    four\\ \n  five"')
  holds("a: 'it''s ''''\n\n   two lines'")
  holds('a: one\n  two\n\n\n  three')
  holds('a: |2-\n    one\n   two\n\nb: 1')
  holds('a: >+  # a comment\n  one\n    two\n  three\n\n\nb: 1')
  holds('a: &x "anchored"')
})
