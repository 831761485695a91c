/** What to write instead, where an expression is written as in another language. */
import { nearName } from './near.ts'

const FUNCTIONS: Readonly<Record<string, string>> = {
  length: 'Write size(x).', len: 'Write size(x).', count: 'Write size(x).', toLowerCase: 'Write x.lower().', toUpperCase: 'Write x.upper().',
  includes: 'Write x.contains(y), or y in x for a list.', strip: 'Write x.trim().', toString: 'Write string(x).', str: 'Write string(x).',
  parseInt: 'Write int(x).', Number: 'Write double(x).', float: 'Write double(x).', some: 'Write x.exists(y, …).', every: 'Write x.all(y, …).',
  ['any']: 'Write x.exists(y, …).', now: 'There is no clock in expressions; run.started_at is when the run began.', hasOwnProperty: 'Write has(x.y).',
  toJSON: 'Write toJson(x).', fromJSON: 'Write bytes(x).json().', env: 'Write env.NAME.', default: 'Write inputs.?x.orValue(…).',
}
const STATUS = 'There are no status functions: look at steps.<id>.status, or put the step into `on_failure` or `finally`.'

/** `at`: where the error is. `names`: of all functions. */
export function expressionHelp(src: string, at: number, message: string, names: Iterable<string>): string | undefined {
  const called = /^no such function for these values: (?:[\w<>, ]+\.)?(\w+)\(/.exec(message)?.[1]
  if (called !== undefined) return functionHelp(called, names)
  const before = src.slice(0, at)
  const rest = src.slice(at)
  if (/^=>/.test(rest)) return 'A loop names its variable first: list.map(x, x.ok).'
  if (rest.startsWith('=')) return 'Write == to compare.'
  if (/^and\b/.test(rest)) return 'Write && for "and".'
  if (/^or\b/.test(rest)) return 'Write || for "or".'
  if (/\bnot\s+$/.test(before)) return 'Write !x for "not x".'
  if (/^\?/.test(rest) || /\?$/.test(before)) return 'For what may be missing, write inputs.?x.orValue(…).'
  if (/^&/.test(rest)) return 'Write && for "and".'
  if (/^\|/.test(rest)) return 'Write || for "or".'
  if (/<$/.test(before) && rest.startsWith('>')) return 'Write != for "not equal".'
  if (/^`/.test(rest)) return 'Text stands in "…" or \'…\'.'
  if (rest.startsWith('${{')) return 'A template cannot stand inside of another one.'
  if (rest.startsWith('$')) return 'Names stand without a sign: inputs.x.'
  if (rest.startsWith('#')) return 'Comments have no place in an expression.'
  return undefined
}

function functionHelp(name: string, names: Iterable<string>): string | undefined {
  if (/^(success|failure|failed|always|cancelled)$/.test(name)) return STATUS
  if (Object.hasOwn(FUNCTIONS, name)) return FUNCTIONS[name]
  const known = [...names]
  if (known.includes(name)) return undefined
  const near = nearName(name, known)
  return near === undefined ? 'docs/expressions.md lists the functions that there are.' : `Did you mean "${near}"?`
}
