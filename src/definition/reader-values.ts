/** Readers of scalars and values: texts, durations, booleans, conditions, templates. */
import { parseDuration } from '../model/duration.ts'
import type { Expression, Value } from '../model/definition.ts'
import type { Json } from '../model/json.ts'
import { noteUse, refuse, wrongType, type Check, type Where } from './check-context.ts'
import { mentionsSecret, readSecrets } from './secret-values.ts'
import { nameHelp, type Reader } from './reader.ts'
import { offsetInScalar } from './scalar-places.ts'
import { hasTemplate, splitTemplate, valueOfParts, type TemplatePart } from './template.ts'
import { describe, quote, stringOf, type Entry, type Node, type ScalarNode } from './tree.ts'

/** As a pattern for editors. */
export const TEMPLATE = '\\$\\{\\{'

/** Text in which no template may stand. `what` it is, in words. */
export function textOf(what: string): Reader<string> {
  return {
    read(check, { key, value }) {
      const found = stringOf(value)
      if (found === undefined) return wrongType(check, value, `\`${key}\``, what, what === 'text' ? quoteHelp(check, key, value) : undefined)
      return hasTemplate(found) ? noTemplate(check, value, key) : found
    },
    schema: () => ({ type: 'string', not: { pattern: TEMPLATE } }),
  }
}

export const text: Reader<string> = textOf('text')

/** `version: 1.0` is a number. */
function quoteHelp(check: Check, key: string, { kind, span }: Node): string | undefined {
  const written = check.report.text.slice(span.start, span.end)
  return kind === 'scalar' && written !== '' ? `Quote it: ${key}: "${written}"` : undefined
}

function noTemplate(check: Check, node: Node, key: string): undefined {
  return refuse(check, 'MAG1021', node, `\`${key}\` is taken as it is written: no \${{ }} is allowed here`,
    'Templates stand in with, set, return, fail, outputs, env, cwd, sleep, compensate.with and messages.')
}

/** Matches an allow-list of names. */
export function name(pattern: RegExp, what: string): Reader<string> {
  return {
    read(check, entry, where) {
      const found = textOf('a name').read(check, entry, where)
      if (found === undefined || pattern.test(found)) return found
      return refuse(check, 'MAG1030', entry.value, `${quote(found)} is not usable as ${what}`, nameHelp(pattern))
    },
    schema: () => ({ type: 'string', pattern: pattern.source }),
  }
}

export const bool: Reader<boolean> = {
  read(check, { key, value }) {
    if (value.kind === 'scalar' && typeof value.value === 'boolean') return value.value
    return wrongType(check, value, `\`${key}\``, 'true or false', booleanHelp(stringOf(value)))
  },
  schema: () => ({ type: 'boolean' }),
}

/** YAML 1.1 took more words for booleans, and many people still do. */
export function booleanHelp(word: string | undefined): string | undefined {
  return word !== undefined && /^(yes|no|on|off|y|n|true|false)$/i.test(word) ? `Write true or false: ${JSON.stringify(word)} is text.` : undefined
}

export function integer(min: number, max: number): Reader<number> {
  return number(min, max, true)
}

export function number(min: number, max: number, whole = false): Reader<number> {
  return {
    read(check, { key, value }) {
      const found = value.kind === 'scalar' ? value.value : undefined
      if (typeof found !== 'number') return wrongType(check, value, `\`${key}\``, 'a number')
      if ((!whole || Number.isInteger(found)) && found >= min && found <= max) return found
      return refuse(check, 'MAG1015', value, `\`${key}\` must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}`)
    },
    schema: () => ({ type: whole ? 'integer' : 'number', minimum: min, maximum: max }),
  }
}

/** What `parseDuration` accepts, as a pattern for editors. */
const DURATION = '^(?:(?:\\d+(?:\\.\\d+)?(?:ms|s|m|h|d|w))+|P(?:\\d+W)?(?:\\d+D)?(?:T(?:\\d+H)?(?:\\d+M)?(?:\\d+(?:\\.\\d+)?S)?)?)$'
const DURATION_HELP = 'For example 500ms, 30s, 5m, 2h, 7d, 1h30m or PT5M.'

/** Milliseconds. */
export const duration: Reader<number> = {
  read(check, { key, value }) {
    if (value.kind === 'scalar' && (typeof value.value === 'number' || /^\d+(\.\d+)?$/.test(String(value.value)))) {
      const shown = String(value.value)
      return refuse(check, 'MAG1040', value, `\`${key}\` needs a unit: ${shown} of what?`, `For example ${shown}s, ${shown}m or ${shown}ms.`)
    }
    const found = stringOf(value)
    if (found === undefined) return wrongType(check, value, `\`${key}\``, 'a duration such as 30s')
    if (hasTemplate(found)) return noTemplate(check, value, key)
    return parseDuration(found) ?? notDuration(check, value, found)
  },
  schema: () => ({ type: 'string', pattern: DURATION }),
}

export function notDuration(check: Check, node: Node, found: string): undefined {
  if (new RegExp(DURATION).test(found) && found.length > 2) return refuse(check, 'MAG1040', node, `${quote(found)} is longer than 100 years`, DURATION_HELP)
  return refuse(check, 'MAG1040', node, `${quote(found)} is not a duration`, DURATION_HELP)
}

/** A limit in milliseconds: none is over as soon as it begins. */
export const limit: Reader<number> = {
  read(check, entry, where) {
    const ms = duration.read(check, entry, where)
    return ms === 0 ? refuse(check, 'MAG1015', entry.value, `\`${entry.key}\` must be longer than 0`) : ms
  },
  schema: () => duration.schema(),
}

/** `if`, `fail_if`: an expression, bare or in `${{ }}`; YAML's true and false too. */
export const condition: Reader<Expression> = {
  read(check, { key, value }, where) {
    if (value.kind !== 'scalar' || value.value === null || typeof value.value === 'number') {
      return refuse(check, 'MAG1023', value, `\`${key}\` must be an expression that gives true or false, not ${describe(value)}`)
    }
    if (typeof value.value === 'boolean') return { t: 'expr', src: String(value.value) }
    const part = bareOrTemplate(check, value, value.value, key)
    if (!part) return undefined
    const expression: Expression = { t: 'expr', src: part.src }
    noteUse(check, { expression, where, node: value, index: part.start, condition: true })
    return expression
  },
  schema: () => ({ type: ['string', 'boolean'] }),
}

function bareOrTemplate(check: Check, node: ScalarNode, source: string, key: string): TemplatePart | undefined {
  if (!hasTemplate(source)) {
    const src = source.trim()
    if (src === '') return refuse(check, 'MAG1020', node, `Expression: \`${key}\` is empty`)
    return { src, start: source.length - source.trimStart().length }
  }
  const parts = split(check, node, source)
  if (!parts) return undefined
  const templates = parts.filter((part) => typeof part !== 'string')
  const around = parts.filter((part) => typeof part === 'string' && part.trim() !== '')
  const [only] = templates
  if (only && templates.length === 1 && around.length === 0) return only
  return refuse(check, 'MAG1022', node, `\`${key}\` must be one expression: the text around \${{ }} would make it a string`,
    `Write the whole condition inside, for example: ${key}: \${{ a && b }}`)
}

function split(check: Check, node: ScalarNode, source: string): Array<string | TemplatePart> | undefined {
  const result = splitTemplate(source)
  if (result.ok) return result.parts
  const { message, start, end } = result.error
  const from = offsetInScalar(check.report.text, node, start)
  const empty = message.startsWith('An empty')
  check.report.error('MAG1026', { start: from, end: from + (empty ? Math.min(60, end - start) : 3) }, message,
    empty ? undefined : 'Close it with }}. In YAML, quote a value that holds " #" or ": ".')
  return undefined
}

/** A value in which templates may stand, at any depth. */
export const value: Reader<Value> = {
  read: (check, entry, where) => readValue(check, entry.value, where),
  schema: () => ({}),
}

/** Keys are taken as they are written; one that holds a template was meant otherwise. */
export function refuseTemplateKeys(check: Check, entries: readonly Entry[], help?: string): void {
  for (const { key, keySpan } of entries) {
    if (hasTemplate(key)) check.report.error('MAG1021', keySpan, 'A key is taken as it is written: no ${{ }} is allowed here', help)
  }
}

function readValue(check: Check, node: Node, where: Where): Value {
  if (node.kind === 'list') {
    const items = node.items.map((item) => readValue(check, item, where))
    return literal(items) ? { t: 'lit', v: items.map(jsonOf) } : { t: 'list', items }
  }
  if (node.kind === 'map') {
    refuseTemplateKeys(check, node.entries, 'Make the whole map in one expression: ${{ {inputs.key: inputs.value} }}.')
    const entries = node.entries.map((entry): [string, Value] => [entry.key, readValue(check, entry.value, where)])
    if (literal(entries.map(([, inner]) => inner))) return { t: 'lit', v: Object.fromEntries(entries.map(([key, inner]) => [key, jsonOf(inner)])) }
    return { t: 'map', entries }
  }
  if (typeof node.value !== 'string' || !hasTemplate(node.value)) return { t: 'lit', v: node.value }
  const parts = split(check, node, node.value)
  if (!parts) return { t: 'lit', v: null }
  if (mentionsSecret(parts)) return readSecrets(check, node, parts, where) ?? { t: 'lit', v: null }
  for (const part of parts) {
    if (typeof part !== 'string') noteUse(check, { expression: { t: 'expr', src: part.src }, where, node, index: part.start, condition: false })
  }
  return valueOfParts(parts)
}

/** A list, or one expression, bare or in `${{ }}`, that gives one. */
export const listValue: Reader<Value> = {
  read(check, { key, value: node }, where) {
    if (node.kind === 'list') return readValue(check, node, where)
    if (node.kind !== 'scalar' || typeof node.value !== 'string') return wrongType(check, node, `\`${key}\``, 'a list or an expression that gives one')
    const part = bareOrTemplate(check, node, node.value, key)
    if (!part) return undefined
    const expression: Expression = { t: 'expr', src: part.src }
    noteUse(check, { expression, where, node, index: part.start, condition: false })
    return expression
  },
  schema: () => ({ type: ['array', 'string'] }),
}

function literal(values: Value[]): boolean {
  return values.every((one) => one.t === 'lit')
}

function jsonOf(one: Value): Json {
  return one.t === 'lit' ? one.v : null
}

/** A map of values, or one expression that gives a map. */
export const mapValue: Reader<Value> = {
  read(check, entry, where) {
    const { value: node, key } = entry
    if (node.kind === 'map') return readValue(check, node, where)
    if (node.kind === 'scalar' && typeof node.value === 'string' && hasTemplate(node.value)) {
      const found = readValue(check, node, where)
      return found.t === 'text' ? wrongType(check, node, `\`${key}\``, 'a map or one ${{ }} that gives one') : found
    }
    return wrongType(check, node, `\`${key}\``, 'a map')
  },
  schema: () => ({ anyOf: [{ type: 'object' }, { type: 'string', pattern: `^\\s*${TEMPLATE}` }] }),
}

/** A text with templates: numbers and booleans become text, maps and lists are refused. */
export const textValue: Reader<Value> = {
  read(check, { key, value: node }, where) {
    if (node.kind !== 'scalar' || node.value === null) return wrongType(check, node, `\`${key}\``, 'text')
    if (typeof node.value !== 'string') return { t: 'lit', v: String(node.value) }
    return readValue(check, node, where)
  },
  schema: () => ({ type: ['string', 'number', 'boolean'] }),
}
