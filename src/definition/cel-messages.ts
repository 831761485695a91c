/** The library's errors in this language's words, with the place they are at. */
import { ExpressionError } from '../model/expression.ts'
import { codeOf, typeName } from './cel-check.ts'

const MISSING: ReadonlySet<string> = new Set(['no_such_key', 'index_out_of_bounds', 'unknown_variable', 'optional_value_missing'])

interface LibraryError {
  summary?: unknown
  range?: { start: number; end: number }
  node?: { start?: number; end?: number }
}

export function asError(error: unknown, src: string): ExpressionError {
  if (error instanceof ExpressionError) return error
  if (error instanceof RangeError) return new ExpressionError('the expression is nested too deep')
  const { summary, range, node } = (typeof error === 'object' && error !== null ? error : {}) as LibraryError
  const told = typeof summary === 'string' ? summary : String(error)
  const place = range ? { range: { start: range.start, end: Math.max(range.end, range.start + 1) } } : {}
  if (MISSING.has(codeOf(error))) {
    const reference = typeof node?.start === 'number' && typeof node.end === 'number' ? src.slice(node.start, node.end) : ''
    const why = codeOf(error) === 'index_out_of_bounds' ? told.replace(/^No such key: /, '') : 'there is no such value'
    return new ExpressionError(reference ? `${reference} is missing: ${why}` : told, { ...place, missing: true })
  }
  if (codeOf(error) === 'unexpected_character' && range && range.end > range.start) return new ExpressionError(`${JSON.stringify(src.slice(range.start, range.end))} is not expected here`, place)
  return new ExpressionError(readable(told), place)
}

/** What the library calls the parts of an expression. */
const TOKENS: Readonly<Record<string, string>> = {
  EOF: 'the end', NUMBER: 'a number', STRING: 'text', BYTES: 'bytes', BOOLEAN: 'true or false', NULL: 'null', IDENTIFIER: 'a name', PLUS: '"+"', MINUS: '"-"',
  MULTIPLY: '"*"', DIVIDE: '"/"', MODULO: '"%"', EQ: '"=="', NE: '"!="', LT: '"<"', LE: '"<="', GT: '">"', GE: '">="', AND: '"&&"', OR: '"||"', NOT: '"!"',
  IN: '"in"', LPAREN: '"("', RPAREN: '")"', LBRACKET: '"["', RBRACKET: '"]"', LBRACE: '"{"', RBRACE: '"}"', DOT: '"."', COMMA: '","', COLON: '":"', QUESTION: '"?"',
}

function readable(text: string): string {
  const token = (name: string) => TOKENS[name] ?? name
  return text.replaceAll('re2find', 'matches').replaceAll(/\bundefined\b/g, 'dyn').replaceAll(/google\.protobuf\.(Timestamp|Duration)/g, (_, type: string) => type.toLowerCase())
    .replace(/^Unexpected token: EOF$/, 'the expression ends too early').replace(/^Unexpected token: (\w+)$/, (_, name: string) => `${token(name)} is not expected here`)
    .replace(/^Expected (\w+), got (\w+)$/, (_, wanted: string, got: string) => `${token(wanted)} is expected here, not ${token(got)}`)
    .replace(/^Unexpected character: '?(.+?)'?$/, (_, sign: string) => `${JSON.stringify(sign)} is not expected here`)
    .replace(/^no such overload: ([!-]\w)/, 'not possible: $1').replace(/^no such overload: /, 'cannot be combined: ')
    .replace(/^found no matching overload for '(.*)'$/, 'no such function for these values: $1')
    .replace(/^Logical operator requires bool operands, got '(.*)'$/, '"&&" and "||" need true or false, not $1')
    .replace(/^Unterminated (triple-quoted )?string$/, 'the text has no closing quote').replace(/^Reserved identifier: (.*)$/, '"$1" is a word of the expression language')
    .replace(/^List index must be int, got '(.*)'$/, 'items of a list are read by their number, not by $1').replace(/^Cannot index type '(.*)'$/, (_, type: string) => `${typeName(type)} has no members`)
    .replace(/^Expression of type '(.*)' cannot be range of a comprehension.*$/, (_, type: string) => `a loop needs a list or a map, not ${typeName(type)}`)
    .replace(/^Exceeded (\w+) \((\d+)\)$/, (_, limit: string, count: string) => `the expression ${LIMITED[limit] ?? `exceeds ${limit}`} (${count})`)
}

const LIMITED: Readonly<Record<string, string>> = {
  maxDepth: 'is nested too deep', maxAstNodes: 'has too many parts', maxListElements: 'has a list of too many items', maxMapEntries: 'has a map of too many entries',
  maxCallArguments: 'has a call of too many arguments',
}
