/** What holds of every text: an answer with places, soon, the same each time; and of every valid one: its hash is its content's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect as inspectValue } from 'node:util'
import fc from 'fast-check'
import { parseDocument, type ToStringOptions } from 'yaml'
import { checkWorkflow, type Checked } from '../../src/definition/check.ts'
import { formatProblem } from '../../src/definition/format.ts'
import { canonicalJson, hashJson } from '../../src/definition/hash.ts'
import { watchPrototypes } from './frozen.ts'
import { projectSamples, validSamples } from './samples.ts'

const unchanged = watchPrototypes()
const samples = validSamples()
const SEED = 20_260_103

const inspect = (value: unknown): string => inspectValue(value, { depth: null, maxStringLength: null })

function check(text: string): Checked {
  return checkWorkflow({ file: 'workflows/any.yaml', text })
}

/** Never throws; a definition, or problems; each one inside of the file; soon. */
function holds(text: string): void {
  const before = process.threadCpuUsage()
  const checked = check(text)
  const { user, system } = process.threadCpuUsage(before)
  assert.ok((user + system) / 1000 < 1_000, 'takes longer than a second')
  const errors = checked.problems.filter(({ severity }) => severity === 'error')
  assert.equal(checked.definition === undefined, errors.length > 0, 'neither valid nor wrong, or both')
  assert.equal(checked.hash === undefined, checked.definition === undefined)
  const lines = text.split('\n')
  for (const problem of checked.problems) {
    const { line, column, endLine, endColumn } = problem
    assert.ok(Number.isInteger(line) && line >= 1 && line <= lines.length, `line ${line} of ${lines.length}: ${problem.message}`)
    assert.ok(Number.isInteger(column) && column >= 1 && column <= (lines[line - 1] ?? '').length + 1, `column ${column}: ${problem.message}`)
    assert.ok(endLine > line || (endLine === line && endColumn > column), `ends before it begins: ${problem.message}`)
    assert.doesNotMatch(problem.message, /undefined|\[object|TypeError|broken invariant/, problem.message)
    const [head = '', ...rest] = formatProblem(problem, text)
    assert.doesNotMatch(head, /\n/)
    assert.ok(rest.every((shown) => !/[\n\r\u001b]/.test(shown)), 'a frame breaks its lines')
  }
}

const WORDS = [
  'steps', 'id', 'run', 'worker', 'needs', 'if', 'with', 'retry', 'parallel', 'set', 'inputs', 'type', 'string', 'default', '${{', '}}', '{', '}', '[', ']', ':', ': ', '- ', '\n', '\n  ', '\n    ',
  '"', "'", '|', '>', '#', ' #', '&a', '*a', '!', '!!str', '? ', ',', '<<', '---', '...', '%YAML 1.2', '\t', '\r\n', '\\', 'inputs.a', 'steps.a.output', '==', '&&', '(', ')', '1', '1.5', '1e400',
  'true', 'null', '~', '5m', '__proto__', 'constructor', '\ufeff', '😀', '日本', '\u202e', 'é', ' ',
]

test('arbitrary text', () => {
  fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ unit: 'grapheme', maxLength: 200 })), holds), { numRuns: 1_000, seed: SEED })
  unchanged('arbitrary text')
})

test('arbitrary words of YAML and of the language', () => {
  fc.assert(fc.property(fc.array(fc.constantFrom(...WORDS), { maxLength: 60 }).map((words) => words.join('')), holds), { numRuns: 3_000, seed: SEED })
  fc.assert(fc.property(fc.array(fc.constantFrom(...WORDS), { maxLength: 30 }).map((words) => `steps:\n  - id: a\n    ${words.join('')}`), holds), { numRuns: 2_000, seed: SEED })
  unchanged('arbitrary words')
})

test('arbitrary expressions, conditions and templates', () => {
  const parts = ['inputs', '.a', '.?a', '["a"]', '[0]', 'steps.a.output', 'size(', ')', '(', '+', '-', '==', '&&', '||', '!', '?', ':', '"x"', "'", '1', '1.5', 'null', '[', ']', '{', '}', ',', '.map(x, ', 'x', ' ', 'cel.bind(', '.orValue(', 'timestamp(', '$', '}}', '${{', '\\', 'in', '𝒳', '\u0000']
  const soup = fc.array(fc.constantFrom(...parts), { maxLength: 25 }).map((list) => list.join(''))
  fc.assert(fc.property(soup, (src) => {
    holds(`steps:\n  - id: a\n    run: x\n    if: ${JSON.stringify(src)}\n`)
    holds(`steps:\n  - id: a\n    set:\n      v: ${JSON.stringify(`a \${{ ${src} }} b`)}\n`)
    holds(`steps:\n  - id: a\n    set:\n      v: |\n        a\n        \${{ ${src.replaceAll('\u0000', '')} }}\n`)
  }), { numRuns: 2_000, seed: SEED })
})

type Edit = { kind: 'delete' | 'insert' | 'duplicate' | 'swap' | 'indent' | 'replace'; at: number; to: number; word: string }

const edits: fc.Arbitrary<Edit[]> = fc.array(fc.record({
  kind: fc.constantFrom('delete', 'insert', 'duplicate', 'swap', 'indent', 'replace'), at: fc.nat(10_000), to: fc.nat(10_000), word: fc.constantFrom(...WORDS),
}), { minLength: 1, maxLength: 4 }) as fc.Arbitrary<Edit[]>

function mutated(text: string, list: readonly Edit[]): string {
  let now = text
  for (const { kind, at, to, word } of list) {
    const lines = now.split('\n')
    const [i, k] = [at % Math.max(1, lines.length), to % Math.max(1, lines.length)]
    const offset = at % (now.length + 1)
    switch (kind) {
      case 'delete': now = now.slice(0, offset) + now.slice(offset + (to % 12)); break
      case 'insert': now = now.slice(0, offset) + word + now.slice(offset); break
      case 'duplicate': now = lines.toSpliced(k, 0, lines[i] ?? '').join('\n'); break
      case 'swap': now = lines.with(i, lines[k] ?? '').with(k, lines[i] ?? '').join('\n'); break
      case 'indent': now = lines.with(i, `${' '.repeat(to % 5)}${lines[i] ?? ''}`).join('\n'); break
      case 'replace': now = lines.with(i, (lines[i] ?? '').replace(/: .*$/, `: ${word}`)).join('\n')
    }
  }
  return now
}

test('samples with lines and letters deleted, inserted, duplicated, swapped', () => {
  fc.assert(fc.property(fc.constantFrom(...samples), edits, ({ text }, list) => holds(mutated(text, list))), { numRuns: 5_000, seed: SEED })
  unchanged('mutated samples')
})

test('the project\'s own files, cut at every byte', () => {
  for (const { name, text } of projectSamples()) {
    const bytes = Buffer.from(text)
    assert.deepEqual(check(text).problems, [], name)
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length).toString('utf8')
      try {
        holds(cut)
      } catch (error) {
        throw new Error(`${name}, cut after ${length} bytes`, { cause: error })
      }
    }
  }
  unchanged('files cut')
})

test('the same file checked twice gives the same', () => {
  fc.assert(fc.property(fc.constantFrom(...samples), edits, fc.boolean(), ({ text }, list, isValid) => {
    const source = isValid ? text : mutated(text, list)
    const first = check(source)
    assert.deepEqual(check(source), first)
    if (first.definition) assert.equal(canonicalJson(check(source).definition), canonicalJson(first.definition))
  }), { numRuns: 500, seed: SEED })
})

const FORMS: readonly ToStringOptions[] = [
  {}, { indent: 4 }, { indentSeq: false }, { lineWidth: 20 }, { lineWidth: 0 }, { defaultStringType: 'QUOTE_DOUBLE' }, { defaultStringType: 'QUOTE_SINGLE', lineWidth: 30 },
  { defaultStringType: 'BLOCK_LITERAL', defaultKeyType: 'PLAIN' }, { defaultStringType: 'BLOCK_FOLDED', defaultKeyType: 'QUOTE_DOUBLE', lineWidth: 40 }, { collectionStyle: 'flow' },
]

test('comments, blank lines, line breaks, quotes and indentation do not change the hash; JSON is YAML', () => {
  for (const { name, file, text } of samples) {
    const { hash } = checkWorkflow({ file, text })
    assert.ok(hash, name)
    const same = (other: string, how: string): void => {
      const checked = checkWorkflow({ file, text: other })
      assert.equal(checked.hash, hash, `${name}, ${how}: ${checked.problems.map(({ message }) => message).join('; ')}\n${other}`)
    }
    same(text.replaceAll('\r\n', '\n').replaceAll('\n', '\r\n'), 'CRLF')
    same(`\ufeff${text.replace(/^\ufeff/, '')}`, 'a byte order mark')
    same(`${text}\n# the end\n\n`, 'a comment at the end')
    if (!/^(%|---)/.test(text)) same(`# a comment\n\n${text.replace(/^\ufeff/, '')}`, 'a comment at the beginning')
    if (!/["'|>]/.test(text)) same(text.replace(/\n(?=.)/g, '   # a comment\n\n'), 'comments behind lines')
    const parse = (source = text) => parseDocument(source, { version: '1.2', schema: 'core', merge: false, intAsBigInt: true, uniqueKeys: false })
    for (const form of FORMS) {
      const document = parse()
      document.comment = ' again'
      const again = document.toString(form)
      // The library's folding of a block that begins with a quote adds a line to it.
      if (inspect(parse(again).toJS()) === inspect(parse().toJS())) same(again, JSON.stringify(form))
      else assert.match(text, /'not closed/, `${name} is not the same to the library`)
    }
    // Keys that are no text have the text that is written here, and another one in JavaScript.
    if (!/\{ (1|time): /.test(text)) same(JSON.stringify(parse().toJS({ mapAsMap: false }), (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value), 2), 'JSON')
  }
})

test('a change of content changes the hash', () => {
  const { hash, definition } = check('steps:\n  - id: a\n    worker: w\n    with: { x: 1, y: "${{ inputs.a }}" }\n')
  assert.ok(definition)
  const others = ['- id: b\n    worker: w\n    with: { x: 1, y: "${{ inputs.a }}" }', '- id: a\n    worker: v\n    with: { x: 1, y: "${{ inputs.a }}" }', '- id: a\n    worker: w\n    with: { x: 2, y: "${{ inputs.a }}" }', '- id: a\n    worker: w\n    with: { x: "1", y: "${{ inputs.a }}" }', '- id: a\n    worker: w\n    with: { x: 1, y: "${{ inputs.b }}" }', '- id: a\n    worker: w\n    with: { x: 1, y: " ${{ inputs.a }}" }', '- id: a\n    worker: w\n    retry: 2\n    with: { x: 1, y: "${{ inputs.a }}" }']
  const hashes = others.map((step) => check(`steps:\n  ${step}\n`).hash)
  assert.equal(new Set([hash, ...hashes]).size, others.length + 1)
})

const json = fc.jsonValue({ maxDepth: 5 })

function shuffled(value: unknown, random: (items: string[]) => string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, random))
  if (typeof value !== 'object' || value === null) return value
  const record = value as Record<string, unknown>
  return Object.fromEntries(random(Object.keys(record)).map((key) => [key, shuffled(record[key], random)]))
}

test('canonical JSON: one text for one value, whatever the order of its keys', () => {
  fc.assert(fc.property(json, (value) => {
    const text = canonicalJson(value)
    assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)))
    assert.equal(canonicalJson(JSON.parse(text)), text)
    assert.equal(canonicalJson(shuffled(value, (keys) => keys.toReversed())), text)
    assert.equal(canonicalJson(shuffled(value, (keys) => keys.toSorted())), text)
    assert.equal(hashJson(shuffled(value, (keys) => keys.toReversed())), hashJson(value))
  }), { numRuns: 1_000, seed: SEED })
})

test('canonical JSON: different values, different texts', () => {
  fc.assert(fc.property(json, json, (a, b) => {
    const same = JSON.stringify(shuffled(a, (keys) => keys.toSorted())) === JSON.stringify(shuffled(b, (keys) => keys.toSorted()))
    assert.equal(canonicalJson(a) === canonicalJson(b), same)
  }), { numRuns: 1_000, seed: SEED })
  assert.equal(canonicalJson({ b: [1, { d: undefined, c: null }], a: 'x\n"', é: 1.5e300 }), '{"a":"x\\n\\"","b":[1,{"c":null}],"é":1.5e+300}')
  assert.match(hashJson({}), /^sha256:[0-9a-f]{64}$/)
})
