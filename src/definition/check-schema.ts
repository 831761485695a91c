/** JSON Schemas in a definition, keyword by keyword: a typing error in one would silently check nothing. */
import { ExpressionError } from '../model/expression.ts'
import { own } from '../model/json.ts'
import { didYouMean, wrongType, type Check } from './check-context.ts'
import { checkReferences } from './check-schema-refs.ts'
import { patternOf, patternSize } from './pattern.ts'
import { refuseTemplateKeys } from './reader-values.ts'
import type { Span } from './report.ts'
import { hasTemplate } from './template.ts'
import { describe, quote, stringOf, type Entry, type MapNode, type Node } from './tree.ts'

export const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']

type Form = 'schema' | 'schemas' | 'map of schemas' | 'text' | 'texts' | 'map of texts' | 'count' | 'number' | 'flag' | 'pattern' | 'type' | 'list' | 'any' | 'ref' | 'format'

/** Keywords of JSON Schema 2020-12 that are taken. */
const KEYWORDS: Readonly<Record<string, Form>> = {
  type: 'type', enum: 'list', const: 'any', title: 'text', description: 'text', $comment: 'text', examples: 'list', deprecated: 'flag',
  readOnly: 'flag', writeOnly: 'flag', format: 'format', pattern: 'pattern', minLength: 'count', maxLength: 'count', minimum: 'number',
  maximum: 'number', exclusiveMinimum: 'number', exclusiveMaximum: 'number', multipleOf: 'number', items: 'schema', prefixItems: 'schemas',
  contains: 'schema', minContains: 'count', maxContains: 'count', minItems: 'count', maxItems: 'count', uniqueItems: 'flag',
  properties: 'map of schemas', patternProperties: 'map of schemas', additionalProperties: 'schema', propertyNames: 'schema', required: 'texts',
  minProperties: 'count', maxProperties: 'count', dependentRequired: 'map of texts', dependentSchemas: 'map of schemas', allOf: 'schemas',
  anyOf: 'schemas', oneOf: 'schemas', not: 'schema', if: 'schema', then: 'schema', else: 'schema', $ref: 'ref', $defs: 'map of schemas',
  default: 'any', unevaluatedProperties: 'schema', unevaluatedItems: 'schema', contentEncoding: 'text', contentMediaType: 'text',
}
export const KEYWORD_NAMES = Object.keys(KEYWORDS)

/** Formats that are checked; others say something to people only. */
const FORMATS: ReadonlySet<string> = new Set([
  'date', 'time', 'date-time', 'iso-time', 'iso-date-time', 'duration', 'uri', 'uri-reference', 'uri-template', 'url', 'email', 'hostname', 'ipv4',
  'ipv6', 'regex', 'uuid', 'json-pointer', 'json-pointer-uri-fragment', 'relative-json-pointer', 'byte', 'int32', 'int64', 'float', 'double',
  'password', 'binary',
])

/** Of all schemas of a definition together: preparing them takes about a second. A pattern counts by its size. */
const MAX_KEYWORDS = 2_000

export function checkSchema(check: Check, root: MapNode): void {
  const before = check.report.problems.length
  refuseTemplates(check, root)
  walk(check, root)
  if (check.report.problems.length === before) checkReferences(check, root)
}

/** A schema is data, its default too: nothing in it is evaluated. */
function refuseTemplates(check: Check, node: Node): void {
  if (node.kind === 'list') for (const item of node.items) refuseTemplates(check, item)
  else if (node.kind === 'scalar') {
    if (typeof node.value === 'string' && hasTemplate(node.value)) {
      check.report.error('MAG1021', node.span, 'A schema is taken as it is written: no ${{ }} is allowed here', 'Compute it in a step; for what may be missing, write inputs.?x.orValue(…) there.')
    }
  } else {
    refuseTemplateKeys(check, node.entries)
    for (const { value } of node.entries) refuseTemplates(check, value)
  }
}

function walk(check: Check, node: Node): void {
  if (node.kind === 'scalar' && typeof node.value === 'boolean') return
  if (node.kind !== 'map') {
    check.report.error('MAG1045', node.span, `A schema must be a map, not ${describe(node)}`)
    return
  }
  for (const entry of node.entries) {
    if (!spend(check, entry.keySpan, 1)) return
    const form = Object.hasOwn(KEYWORDS, entry.key) ? KEYWORDS[entry.key] : undefined
    if (form) checkKeyword(check, entry, form)
    else check.report.error('MAG1045', entry.keySpan, `Unknown keyword ${quote(entry.key)} in a schema`, own(HINTS, entry.key) ?? didYouMean(check, entry.key, KEYWORD_NAMES) ?? 'Keywords are those of JSON Schema 2020-12.')
  }
}

/** False where the definition's schemas say too much; reported once. */
function spend(check: Check, span: Span, keywords: number): boolean {
  const before = check.schemaKeywords
  check.schemaKeywords += keywords
  if (check.schemaKeywords <= MAX_KEYWORDS) return true
  if (before <= MAX_KEYWORDS) check.report.error('MAG1045', span, `The schemas of the workflow have more than ${MAX_KEYWORDS} keywords together`, 'Check the details in a worker.')
  return false
}

function checkKeyword(check: Check, entry: Entry, form: Form): void {
  const { key, value: node } = entry
  const must = (ok: boolean, expected: string, at = node) => {
    if (!ok) check.report.error('MAG1045', at.span, `\`${key}\` must be ${expected}, not ${at === node ? '' : 'with '}${describe(at)}`, helpFor(key, node))
  }
  const scalar = node.kind === 'scalar' ? node.value : undefined
  switch (form) {
    case 'schema': return walk(check, node)
    case 'schemas':
      return node.kind === 'list' && node.items.length > 0 ? node.items.forEach((item) => walk(check, item)) : must(false, 'a list of schemas')
    case 'map of schemas':
      return node.kind === 'map' ? node.entries.forEach((inner) => checkNamed(check, key, inner)) : must(false, 'a map of schemas')
    case 'text': return must(typeof scalar === 'string', 'text')
    case 'texts': return must(isTexts(node), 'a list of names', noText(node))
    case 'map of texts': return must(node.kind === 'map' && node.entries.every((inner) => isTexts(inner.value)), 'a map of lists of names', node.kind === 'map' ? node.entries.find((inner) => !isTexts(inner.value))?.value : node)
    case 'count': return must(typeof scalar === 'number' && Number.isInteger(scalar) && scalar >= 0, 'a whole number from 0')
    case 'number': return must(typeof scalar === 'number' && (key !== 'multipleOf' || scalar > 0), key === 'multipleOf' ? 'a number above 0' : 'a number')
    case 'flag': return must(typeof scalar === 'boolean', 'true or false')
    case 'list': return must(node.kind === 'list' && (key !== 'enum' || node.items.length > 0), 'a list of values')
    case 'pattern': return typeof scalar === 'string' ? checkPattern(check, scalar, node.span) : must(false, 'text')
    case 'format': return typeof scalar === 'string' ? checkFormat(check, scalar, node.span) : must(false, 'text')
    case 'type': return checkType(check, node)
    case 'ref': return checkRef(check, node)
    case 'any':
  }
}

function checkNamed(check: Check, keyword: string, { key, keySpan, value }: Entry): void {
  if (!spend(check, keySpan, 1)) return
  if (keyword === 'patternProperties') checkPattern(check, key, keySpan)
  walk(check, value)
}

function isTexts(node: Node): boolean {
  return node.kind === 'list' && node.items.every((item) => stringOf(item) !== undefined)
}

function noText(node: Node): Node | undefined {
  return node.kind === 'list' ? node.items.find((item) => stringOf(item) === undefined) : node
}

function helpFor(key: string, node: Node): string | undefined {
  return key === 'required' && node.kind === 'scalar' && typeof node.value === 'boolean' ? 'Inputs are required unless they say `optional: true`.' : undefined
}

const HINTS: { readonly [word: string]: string } = {
  definitions: 'Did you mean "$defs"?', $schema: 'Leave it out: schemas are JSON Schema 2020-12.', $id: 'Leave it out: schemas lead to $defs of their own only.',
  $anchor: 'Leave it out: references lead to #/$defs/<name>.', additionalItems: 'Did you mean "items", beside "prefixItems"?',
  dependencies: 'Did you mean "dependentRequired" or "dependentSchemas"?', nullable: 'Write type: [string, "null"].',
}

function checkPattern(check: Check, pattern: string, span: Span): void {
  if (!spend(check, span, Math.floor(Math.min(patternSize(pattern), 2_000) / 20))) return
  try {
    patternOf(pattern)
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    check.report.error('MAG1046', span, `${quote(pattern)}: ${error.message}`)
  }
}

function checkFormat(check: Check, format: string, span: Span): void {
  if (FORMATS.has(format)) return
  check.report.warn('MAG1045', span, `The format ${quote(format)} is not checked`, didYouMean(check, format, FORMATS) ?? `Checked are: ${[...FORMATS].slice(0, 16).join(', ')}, …`)
}

function checkType(check: Check, node: Node): void {
  if (node.kind === 'list' && node.items.length === 0) check.report.error('MAG1045', node.span, '`type` is an empty list', `Types: ${TYPES.join(', ')}.`)
  for (const item of node.kind === 'list' ? node.items : [node]) {
    const type = stringOf(item)
    if (type !== undefined && TYPES.includes(type)) continue
    const help = (type === undefined ? undefined : didYouMean(check, type, TYPES)) ?? `Types: ${TYPES.join(', ')}.`
    check.report.error('MAG1045', item.span, `${type === undefined ? describe(item) : quote(type)} is not a type`, help)
  }
}

function checkRef(check: Check, node: Node): void {
  const target = stringOf(node)
  if (target === undefined) return void wrongType(check, node, '`$ref`', 'text')
  if (!target.startsWith('#')) check.report.error('MAG1047', node.span, `${quote(target)} leaves the file`, 'Schemas are never loaded from elsewhere; $ref begins with #/$defs/.')
}
