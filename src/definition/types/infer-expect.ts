/** What operators, functions and places take; and telling that they do not get it. */
import type { Cel } from '../cel-ast.ts'
import type { Code } from '../codes.ts'
import { pathOf, type Env, type Reading } from './infer-scope.ts'
import { choice, describeType, members, type Type } from './type.ts'

export interface Work {
  reading: Reading
  infer(node: Cel, env: Env, work: Work): Type
  depth: number
}

export function tellAt({ reading }: Work, { start, end }: { start: number; end: number }, code: Code, message: string, help?: string): void {
  reading.tell({ code, severity: 'error', start, end: Math.max(end, start + 1), message, ...(help === undefined ? {} : { help }) })
}

/** A node's source, cut where it is long. */
export function words(node: Cel): string {
  let { start } = node
  // A node begins behind the brackets around its first part.
  while (start > 0 && node.input[start - 1] === '(' && count(node.input.slice(start, node.end), ')') > count(node.input.slice(start, node.end), '(')) start--
  const source = node.input.slice(start, node.end).replaceAll(/\s+/g, ' ')
  return source.length > 60 ? `${source.slice(0, 57)}...` : source
}

function count(text: string, sign: string): number {
  return text.split(sign).length - 1
}

const KIND_WORDS: Partial<Record<Type['t'], string>> = {
  string: 'text', number: 'a number', boolean: 'true or false', list: 'a list', map: 'a map', time: 'a time', duration: 'a duration',
}

/** False, and told, where the value is or may be something else. `by`: what takes it. */
export function expectKinds(work: Work, node: Cel, type: Type, kinds: ReadonlyArray<Type['t']>, by: string): boolean {
  const others = members(type).filter(({ t }) => t !== 'unknown' && t !== 'never' && !kinds.includes(t))
  const [other] = others
  if (!other) return true
  const wanted = choice([...new Set(kinds.flatMap((kind) => KIND_WORDS[kind] ?? []))])
  if (other.t === 'optional') {
    tellAt(work, node, 'MAG1074', `${by} takes ${wanted}; what \`.?\` gives is no value yet`, 'Say what it is where it is missing: .orValue(…).')
    return false
  }
  const isAll = others.length === members(type).length
  if (!isAll && others.every(({ t }) => t === 'null')) {
    const path = pathOf(node)
    const why = path && work.reading.why(path)
    tellAt(work, node, 'MAG1073', `${words(node)} may be null, and ${by} takes ${wanted}${why ? `: ${why.reason}` : ''}`, why?.help ?? `Ask first: ${words(node)} != null ? … : …`)
    return false
  }
  tellAt(work, node, 'MAG1074', `${by} takes ${wanted}; ${words(node)} ${isAll ? 'is' : 'may be'} ${describeType(isAll ? type : other)}`, conversionHelp(type, kinds))
  return false
}

function conversionHelp(type: Type, kinds: ReadonlyArray<Type['t']>): string | undefined {
  const is = new Set(members(type).map(({ t }) => t))
  if (kinds.includes('number') && !kinds.includes('string') && is.has('string')) return 'double(x) makes a number of text.'
  if (kinds.includes('string') && !kinds.includes('number') && (is.has('number') || is.has('boolean'))) return 'string(x) makes text of it.'
  if (kinds.includes('time') && is.has('string')) return 'timestamp(x) makes a time of text.'
  if (kinds.length === 1 && kinds[0] === 'boolean') return 'Compare it with something, for example: size(x) > 0.'
  return undefined
}
