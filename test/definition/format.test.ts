/** Frames: the line, its neighbours, and a mark under what is meant, whatever the line is made of. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatProblem, frame } from '../../src/definition/format.ts'
import type { Problem } from '../../src/model/problem.ts'

function framed(text: string, place: [line: number, column: number, endLine?: number, endColumn?: number]): string {
  const [line, column, endLine = line, endColumn = column + 1] = place
  return frame({ line, column, endLine, endColumn }, text).join('\n')
}

const problem: Problem = { code: 'MAG1003', severity: 'error', message: 'Unknown key "x"', file: 'workflows/a.yaml', line: 2, column: 3, endLine: 2, endColumn: 4 }

test('headline, frame, help', () => {
  assert.deepEqual(formatProblem({ ...problem, help: 'Did you mean "y"?\nTwo lines.' }, 'a:\n  x: 1\nb: 2\n'), [
    'workflows/a.yaml:2:3 error MAG1003: Unknown key "x"', '     1 | a:', '>    2 |   x: 1', '       |   ^', '     3 | b: 2', '      = help: Did you mean "y"?', '              Two lines.',
  ])
  assert.deepEqual(formatProblem({ ...problem, severity: 'warning' }, ''), ['workflows/a.yaml:2:3 warning MAG1003: Unknown key "x"'])
})

test('the first line, the last, the only, an empty one', () => {
  assert.equal(framed('ab\ncd', [1, 1]), '>    1 | ab\n       | ^\n     2 | cd')
  assert.equal(framed('ab\ncd', [2, 2]), '     1 | ab\n>    2 | cd\n       |  ^')
  assert.equal(framed('ab', [1, 2]), '>    1 | ab\n       |  ^')
  assert.equal(framed('', [1, 1]), '>    1 |\n       | ^')
  assert.equal(framed('ab\n', [2, 1]), '     1 | ab\n>    2 |\n       | ^')
  assert.equal(framed('ab\n\ncd', [2, 1]), '     1 | ab\n>    2 |\n       | ^\n     3 | cd')
})

test('neighbours that are empty are left out', () => {
  assert.equal(framed('\n  \nab\n\t\ncd', [3, 1]), '>    3 | ab\n       | ^')
})

test('a mark over several signs, to the end of the line, past its end', () => {
  assert.equal(framed('abcdef', [1, 2, 1, 5]), '>    1 | abcdef\n       |  ^^^')
  assert.equal(framed('abcdef\ngh', [1, 3, 2, 2]), '>    1 | abcdef\n       |   ^^^^\n     2 | gh')
  assert.equal(framed('abc', [1, 4, 1, 5]), '>    1 | abc\n       |    ^')
  assert.equal(framed('abc', [1, 9, 1, 10]), '>    1 | abc\n       |    ^')
})

test('large numbers of lines', () => {
  const text = Array.from({ length: 12_345 }, (_, i) => `l${i + 1}`).join('\n')
  assert.equal(framed(text, [9_999, 1]), '   9998 | l9998\n>  9999 | l9999\n        | ^\n  10000 | l10000')
  assert.equal(framed(text, [12_345, 2]), '  12344 | l12344\n> 12345 | l12345\n        |  ^')
})

test('tabs are one column, as they are counted', () => {
  assert.equal(framed('\tif:\tx', [1, 6]), '>    1 |  if: x\n       |      ^')
})

test('line breaks of Windows do not show', () => {
  assert.equal(framed('ab\r\ncd\r\nef\r\n', [2, 1]), '     1 | ab\n>    2 | cd\n       | ^\n     3 | ef')
})

test('a byte order mark does not show', () => {
  assert.equal(framed('\ufeffab\ncd', [1, 2]), '>    1 | ab\n       |  ^\n     2 | cd')
})

test('what takes two columns, and what takes none', () => {
  assert.equal(framed('日本 x', [1, 4]), '>    1 | 日本 x\n       |      ^')
  assert.equal(framed('日本 x', [1, 1, 1, 3]), '>    1 | 日本 x\n       | ^^^^')
  assert.equal(framed('😀 x', [1, 4]), '>    1 | 😀 x\n       |    ^')
  assert.equal(framed('한글ｘ y', [1, 5]), '>    1 | 한글ｘ y\n       |        ^')
  assert.equal(framed('e\u0301 x', [1, 4]), '>    1 | e\u0301 x\n       |   ^')
  assert.equal(framed('äö x', [1, 4]), '>    1 | äö x\n       |    ^')
})

test('nothing in a line drives the terminal or turns it', () => {
  assert.equal(framed('a\u001b[31mb\u0007 x', [1, 9]), '>    1 | a�[31mb� x\n       |         ^')
  assert.equal(framed('\u202eab\u2066 x', [1, 6]), '>    1 | �ab� x\n       |      ^')
  assert.equal(framed('a\rb', [1, 3]), '>    1 | a�b\n       |   ^')
  assert.equal(framed('a\u0085\u009b x', [1, 5]), '>    1 | a�� x\n       |     ^')
  assert.equal(framed('a\ud800 x', [1, 4]), '>    1 | a� x\n       |    ^')
})

test('a long line is cut around the mark, and says so', () => {
  const long = `${'a'.repeat(200)}X${'b'.repeat(200)}`
  assert.equal(framed(long, [1, 201]), `>    1 | …${'a'.repeat(60)}X${'b'.repeat(59)}…\n       | ${' '.repeat(61)}^`)
  assert.equal(framed(long, [1, 1]), `>    1 | ${'a'.repeat(120)}…\n       | ^`)
  assert.equal(framed(long, [1, 401]), `>    1 | …${'b'.repeat(120)}\n       | ${' '.repeat(120)}^`)
  assert.equal(framed(long, [1, 402]), `>    1 | …${'b'.repeat(120)}\n       | ${' '.repeat(121)}^`)
  assert.equal(framed(long, [1, 150, 1, 402]).split('\n')[1], `       | ${' '.repeat(61)}${'^'.repeat(60)}`)
  assert.equal(framed('a'.repeat(120), [1, 120]), `>    1 | ${'a'.repeat(120)}\n       | ${' '.repeat(119)}^`)
})

test('long neighbours are cut at their ends', () => {
  const [before, , , after] = framed(`${'a'.repeat(130)}\nx\n${'b'.repeat(120)}`, [2, 1]).split('\n')
  assert.equal(before, `     1 | ${'a'.repeat(120)}…`)
  assert.equal(after, `     3 | ${'b'.repeat(120)}`)
})

test('a cut between the halves of a sign leaves no half', () => {
  const text = `${'😀'.repeat(200)}X`
  for (let column = 1; column < 400; column += 7) assert.ok(framed(text, [1, column]).isWellFormed())
})

test('many problems of a long file are soon told', () => {
  const text = 'x\n'.repeat(400_000)
  const before = process.threadCpuUsage()
  for (let line = 1; line <= 400_000; line += 800) framed(text, [line, 1])
  const { user, system } = process.threadCpuUsage(before)
  assert.ok(user + system < 2_000_000, `${(user + system) / 1000} ms`)
})
