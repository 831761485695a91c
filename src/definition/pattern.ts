/** Regular expressions that match in linear time, or are refused: for `matches` and for schemas (catalogue I04, H11). */
import type { RE2JS } from 're2js'
import { ExpressionError } from '../model/expression.ts'
import { re2 } from './lazy.ts'

const MAX_PATTERN = 1_024
/** Instructions: time is linear in the text, and in this. */
const MAX_SIZE = 2_000
const MAX_PATTERNS = 100

const patterns = new Map<string, RE2JS>()

/** Throws ExpressionError. */
export function patternOf(pattern: string): RE2JS {
  const there = patterns.get(pattern)
  if (there) return there
  if (pattern.length > MAX_PATTERN) throw new ExpressionError(`a pattern is longer than ${MAX_PATTERN} characters`)
  if (patternSize(pattern) > MAX_SIZE) throw new ExpressionError(`a pattern unfolds to more than ${MAX_SIZE} parts`)
  if (patterns.size >= MAX_PATTERNS) patterns.clear()
  try {
    const compiled = re2().RE2JS.compile(pattern)
    patterns.set(pattern, compiled)
    return compiled
  } catch (error) {
    const why = error instanceof Error ? error.message.replace('error parsing regexp: ', '') : pattern
    const isTooMuch = /Perl syntax|`\(\?<[=!]|^invalid escape sequence: `\\[1-9k]/.test(why)
    throw new ExpressionError(isTooMuch ? 'look-around and back-references cannot be matched in linear time' : `not a pattern: ${why}`)
  }
}

/** In units of the expressions' budget: steps of its automaton, and the making of it. */
export function patternCost(pattern: string, textLength: number): number {
  if (pattern.length > MAX_PATTERN) return 10
  const size = patternSize(pattern)
  return 20 + pattern.length + size * textLength + (patterns.has(pattern) ? 0 : size * 100)
}

/** How many instructions it compiles to, about, without compiling it: `(?:ab?){500}` is 1,500 of them. */
export function patternSize(pattern: string): number {
  const outer: number[] = []
  let total = 0
  let latest = 0
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? ''
    const count = character === '{' ? /^\{(\d+)(?:,(\d*))?\}/.exec(pattern.slice(at, at + 16)) : null
    if (count) {
      total += latest * (Math.max(1, Number(count[1]), Number(count[2] ?? 0)) - 1)
      at += count[0].length - 1
    } else if (character === '(') {
      outer.push(total)
      total = 1
    } else if (character === ')') {
      latest = total
      total += outer.pop() ?? 0
    } else {
      if (character === '\\') at = /^[pP]\{/.test(pattern.slice(at + 1, at + 3)) ? endOf(pattern, '}', at) : at + 1
      else if (character === '[') at = endOf(pattern, ']', /^\[\^?\]/.test(pattern.slice(at, at + 3)) ? at + 2 : at)
      latest = 1
      total++
    }
    if (total > 1e9) return total
  }
  return outer.reduce((sum, one) => sum + one, total)
}

/** Of a class or a property: the next end that is not escaped. */
function endOf(pattern: string, end: string, from: number): number {
  for (let at = from + 1; at < pattern.length; at++) {
    if (pattern[at] === '\\') at++
    else if (pattern[at] === end) return at
  }
  return pattern.length
}
