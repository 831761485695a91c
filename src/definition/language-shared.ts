/** Names and forms that steps and workflows have in common. */
import type { Concurrency, WhenFull } from '../model/definition.ts'
import { STEP_ID } from '../model/id.ts'
import type { Check } from './check-context.ts'
import { key, map, oneOf, shaped, type Reader } from './reader.ts'
import { integer, name, textValue } from './reader-values.ts'
import type { Span } from './report.ts'

export const ID = STEP_ID
/** Words of CEL that stand nowhere as a name, `steps.in` included. */
const CEL_WORDS: ReadonlySet<string> = new Set(['in', 'true', 'false', 'null'])
/** Reserved by CEL: good after a dot (`steps.loop`), but not as a name that stands alone. */
const CEL_RESERVED: ReadonlySet<string> = new Set([
  'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop',
  'package', 'namespace', 'return', 'var', 'void', 'while',
])

/** An id that expressions can name. */
export function identifier(what: string): Reader<string> {
  return map(name(ID, what), (found, check, entry) => (isWord(check, entry.value.span, found, what) ? undefined : found))
}

/** One that expressions name without a dot before it. */
export function bareIdentifier(what: string): Reader<string> {
  return map(identifier(what), (found, check, entry) => (isWord(check, entry.value.span, found, what, CEL_RESERVED) ? undefined : found))
}

/** Reports and says true where the name is a word of the expression language. */
export function isWord(check: Check, span: Span, found: string, what: string, words: ReadonlySet<string> = CEL_WORDS): boolean {
  if (!words.has(found)) return false
  check.report.error('MAG1030', span, `"${found}" is a word of the expression language and not usable as ${what}`, `For example "${found}_1".`)
  return true
}

/** Without the members that are undefined. */
export function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, one]) => one !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

const concurrencyForm = {
  what: '`concurrency`',
  keys: {
    key: key('What shares one limit; often with a template.', textValue, true),
    limit: key('How many at a time. Default 1.', integer(1, 100_000)),
    when_full: key('Wait for a place, or fail with LIMIT. Default queue.', oneOf<WhenFull>('queue', 'fail')),
  },
}

export const concurrency: Reader<Concurrency> = shaped(concurrencyForm, ({ key: found, limit, when_full }): Concurrency | undefined =>
  found && { key: found, limit: limit ?? 1, whenFull: when_full ?? 'queue' })
