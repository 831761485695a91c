/** Patterns: linear, and of a bounded size that is known before they are compiled. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import fc from 'fast-check'
import { patternCost, patternOf, patternSize } from '../../src/definition/pattern.ts'
import { ExpressionError } from '../../src/model/expression.ts'

const { RE2JS } = createRequire(import.meta.url)('re2js') as typeof import('re2js')

const GOOD = ['', 'a', '^[^@]+@[^@]+$', '^(a|b|c)*$', '\\d{1,3}(\\.\\d{1,3}){3}', '(?i)abc', '\\p{L}+\\P{Lu}', '[\\]a-z]{2,5}', '[]a]', '[^]a]', '(?:a{10}){20}', '(?<name>x)', 'a{0}', 'a{5,}', 'x*?y+?', '\\Qa.b\\E', '{', 'a{', 'a{x}', '\\x{1F600}', '日本', '^$|^\\s+$']

test('the size is estimated well enough, and never far too small', () => {
  for (const pattern of GOOD) {
    const actual = RE2JS.compile(pattern).programSize()
    const estimated = patternSize(pattern)
    assert.ok(estimated * 4 + 8 >= actual && estimated <= actual * 8 + 16, `${pattern}: ${estimated}, ${actual}`)
  }
})

test('any pattern that compiles is of about its estimated size', () => {
  const part = fc.constantFrom('a', '.', '[a-c]', '(', ')', '(?:', '|', '*', '+', '?', '{3}', '{2,7}', '{4,}', '\\d', '\\.', '^', '$')
  let compiled = 0
  fc.assert(fc.property(fc.array(part, { maxLength: 14 }).map((parts) => parts.join('')), (pattern) => {
    let actual: number
    try {
      actual = RE2JS.compile(pattern).programSize()
    } catch {
      return
    }
    compiled++
    assert.ok(patternSize(pattern) * 4 + 16 >= actual, `${pattern}: ${patternSize(pattern)}, ${actual}`)
  }), { numRuns: 3_000, seed: 20_260_103 })
  assert.ok(compiled > 300)
})

const REFUSED: ReadonlyArray<[string, RegExp]> = [
  ['(?=a)', /linear time/], ['(?!a)', /linear time/], ['(?<=a)b', /linear time/], ['(?<!a)b', /linear time/], ['(a)\\1', /linear time/], ['(?<n>a)\\k<n>', /linear time/], ['(?>a)', /linear time/], ['(', /not a pattern: missing closing \)/],
  ['[', /not a pattern: missing closing ]/], ['*', /not a pattern/], ['a**', /not a pattern/], ['a{2,1}', /not a pattern/], ['[b-a]', /not a pattern/], ['\\', /not a pattern/], ['a'.repeat(1_025), /longer than 1024/],
  ['(?:a{100}){100}', /more than 2000 parts/], ['((a{10}){20}){30}', /more than 2000 parts/], [`(?:${'a'.repeat(1_000)}){1000}`, /more than 2000 parts/], ['a{1000}b{1000}c{1000}', /more than 2000 parts/], [`${'('.repeat(400)}a${'){2}'.repeat(100)}`, /more than 2000 parts|not a pattern/],
]

test('what is refused, and soon', () => {
  for (const [pattern, message] of REFUSED) {
    const before = process.threadCpuUsage()
    assert.throws(() => patternOf(pattern), (error) => error instanceof ExpressionError && message.test(error.message), pattern.slice(0, 40))
    const { user, system } = process.threadCpuUsage(before)
    assert.ok(user + system < 1_000_000, pattern.slice(0, 40))
  }
})

test('a pattern is compiled once', () => {
  assert.equal(patternOf('once [a-z]+'), patternOf('once [a-z]+'))
  assert.ok(patternCost('twice [a-z]+', 10) > patternCost('once [a-z]+', 10), 'the first use costs more')
})
