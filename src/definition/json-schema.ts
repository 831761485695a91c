/**
 * A value against a JSON Schema (2020-12). Schemas that say no more than a type are checked here; for others a library is loaded.
 * Patterns match in linear time, and nothing is ever fetched.
 */
import { isJsonObject, type Json, type JsonObject } from '../model/json.ts'
import { canonicalJson } from './hash.ts'
import { ajv, ajvFormats } from './lazy.ts'
import { LISTS, MAPS, SINGLE } from './schema-keywords.ts'
import { patternOf } from './pattern.ts'

export interface SchemaProblem {
  /** `items[0].sku`; empty for the value itself. */
  path: string
  message: string
}

const MAX_PROBLEMS = 20
/** A larger value is checked up to its first problem: each of a million would be an object. */
const LARGE = 20_000

/** What of the value does not fit the schema; paths are relative to it. */
export function schemaProblems(schema: JsonObject, value: Json): SchemaProblem[] {
  const keywords = Object.keys(schema).filter((keyword) => !ANNOTATIONS.has(keyword))
  if (keywords.length === 0) return []
  const { type } = schema
  if (keywords.length === 1 && typeof type === 'string') return fits(type, value) ? [] : [{ path: '', message: `must be ${article(type)}, not ${describe(value)}` }]
  return deepProblems(schema, value)
}

const ANNOTATIONS: ReadonlySet<string> = new Set(['title', 'description', '$comment', 'examples', 'deprecated', 'readOnly', 'writeOnly', 'default'])

export function article(type: string): string {
  switch (type) {
    case 'null': return 'null'
    case 'array': return 'a list'
    default: return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`
  }
}

export function describe(value: Json | undefined): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'number') return `the number ${value}`
  if (typeof value === 'boolean') return String(value)
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : 'a string'
}

function fits(type: string, value: Json): boolean {
  switch (type) {
    case 'string': case 'number': case 'boolean': return typeof value === type
    case 'integer': return Number.isInteger(value)
    case 'array': return Array.isArray(value)
    case 'object': return isJsonObject(value)
    case 'null': return value === null
    default: return true
  }
}

interface Validator {
  (value: unknown): boolean
  errors?: readonly Failure[] | null
}

interface Failure {
  instancePath: string
  schemaPath: string
  keyword: string
  params: Record<string, unknown>
  message?: string
}

/** Of one validation: schemas that meet values, at least this often and for each part of the value this often. */
const MIN_STEPS = 1_000_000
const STEPS_EACH = 100

let steps = 0

/** Counted as it is validated: schemas that refer to themselves in two ways take twice as long with each level of the value. */
const COUNTED = 'mag:counted'

function count(): boolean {
  if (--steps < 0) throw new RangeError('too many steps')
  return true
}

/** The same schema, each part of which counts. */
function counting(schema: Json): Json {
  if (!isJsonObject(schema)) return schema
  const entries = Object.entries(schema).map(([keyword, value]): [string, Json] => {
    if (LISTS.has(keyword) && Array.isArray(value)) return [keyword, value.map(counting)]
    if (MAPS.has(keyword) && isJsonObject(value)) return [keyword, Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, counting(inner)]))]
    return [keyword, SINGLE.has(keyword) ? counting(value) : value]
  })
  return { ...Object.fromEntries(entries), [COUNTED]: true }
}

const compiled = { all: new WeakMap<JsonObject, Validator>(), first: new WeakMap<JsonObject, Validator>() }

function validatorOf(schema: JsonObject, which: 'all' | 'first'): Validator {
  const there = compiled[which].get(schema)
  if (there) return there
  const Ajv = ajv().default
  const RegExpLike = Object.assign((pattern: string) => {
    const re = patternOf(pattern)
    return { test: (text: string) => re.matcher(text).find() }
  }, { code: 'linear' })
  // `strict` would refuse schemas that are merely unusual; keywords were checked when the definition was.
  const instance = new Ajv({ allErrors: which === 'all', strict: false, validateSchema: false, logger: false, multipleOfPrecision: 9, code: { regExp: RegExpLike } })
  ajvFormats().default.default(instance as never, { mode: 'fast', keywords: false })
  // The library compares each item with each other one.
  instance.removeKeyword('uniqueItems')
  instance.addKeyword({ keyword: COUNTED, schemaType: 'boolean', errors: false, validate: count })
  instance.addKeyword({ keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', errors: false, validate: (wanted: boolean, items: Json[]) => !wanted || areUnique(items) })
  const validate = instance.compile(counting(schema) as JsonObject) as Validator
  compiled[which].set(schema, validate)
  return validate
}

function areUnique(items: readonly Json[]): boolean {
  const seen = new Set<string>()
  return items.every((item) => seen.size < seen.add(canonicalJson(item)).size)
}

function deepProblems(schema: JsonObject, value: Json): SchemaProblem[] {
  let failures: readonly Failure[]
  try {
    const parts = partsOf(value)
    const validate = validatorOf(schema, parts > LARGE ? 'first' : 'all')
    steps = Math.max(MIN_STEPS, parts * STEPS_EACH)
    failures = validate(value) ? [] : (validate.errors ?? [])
  } catch (error) {
    const why = error instanceof RangeError ? 'its schema refers to itself in too many ways for this value' : error instanceof Error ? error.message : String(error)
    return [{ path: '', message: `cannot be checked: ${why}` }]
  }
  return told(failures, value).slice(0, MAX_PROBLEMS)
}

function partsOf(value: Json): number {
  const stack: Json[] = [value]
  let parts = 0
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    parts++
    if (typeof at !== 'object' || at === null) continue
    for (const inner of Array.isArray(at) ? (at as readonly Json[]) : Object.values(at)) {
      if (typeof inner === 'object' && inner !== null) stack.push(inner)
      else parts++
    }
  }
  return parts
}

const CHOICES: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'contains', 'propertyNames'])

/** One for each failure; what failed inside of the forms of an `anyOf` is told in one sentence with it. */
function told(failures: readonly Failure[], value: Json): SchemaProblem[] {
  const choices = failures.filter(({ keyword }) => CHOICES.has(keyword))
  const isInside = (failure: Failure): boolean => choices.some((choice) => choice !== failure && failure.schemaPath.startsWith(`${choice.schemaPath}/`))
  return failures.filter((failure) => failure.keyword !== 'if' && !isInside(failure)).map((failure) => {
    const { path, value: at } = resolve(failure.instancePath, value)
    const forms = choices.includes(failure) ? failures.filter((one) => one.instancePath === failure.instancePath && one.schemaPath.startsWith(`${failure.schemaPath}/`)) : []
    return { path, message: messageOf(failure, at, forms) }
  })
}

const NUMBERS: Readonly<Record<string, string>> = { '<=': 'at most', '>=': 'at least', '<': 'less than', '>': 'more than' }

function messageOf({ keyword, params, message }: Failure, value: Json | undefined, forms: readonly Failure[]): string {
  const { limit } = params
  switch (keyword) {
    case 'type': return `must be ${[params.type].flat().map((type) => article(String(type))).join(' or ')}, not ${describe(value)}`
    case 'enum': return `must be one of: ${listOf(params.allowedValues as Json[])}`
    case 'const': return `must be ${JSON.stringify(params.allowedValue)}`
    case 'additionalProperties': return `has the unknown key ${JSON.stringify(params.additionalProperty)}`
    case 'unevaluatedProperties': return `has the unknown key ${JSON.stringify(params.unevaluatedProperty)}`
    case 'required': return `lacks ${JSON.stringify(params.missingProperty)}`
    case 'dependentRequired': return `has ${JSON.stringify(params.property)} and lacks ${JSON.stringify(params.missingProperty)}`
    case 'propertyNames': return `has the key ${JSON.stringify(params.propertyName)}, which is not allowed`
    case 'minLength': case 'maxLength': return `must have ${bound(keyword, limit)} characters`
    case 'minItems': case 'maxItems': return `must have ${bound(keyword, limit)} items`
    case 'minProperties': case 'maxProperties': return `must have ${bound(keyword, limit)} keys`
    case 'minimum': case 'maximum': case 'exclusiveMinimum': case 'exclusiveMaximum': return `must be ${NUMBERS[String(params.comparison)]} ${String(limit)}`
    case 'multipleOf': return `must be a multiple of ${String(params.multipleOf)}`
    case 'uniqueItems': return 'must not have equal items'
    case 'unevaluatedItems': case 'items': return `must have at most ${String(params.limit ?? params.len)} items`
    case 'pattern': return `must match ${JSON.stringify(params.pattern)}`
    case 'format': return `must be a valid ${String(params.format)}`
    case 'contains': return `must have ${typeof params.maxContains === 'number' ? `${String(params.minContains)} to ${params.maxContains}` : `at least ${String(params.minContains)}`} items that fit \`contains\``
    case 'not': return 'must not fit the schema in `not`'
    case 'anyOf': case 'oneOf': return choiceOf(keyword, params, value, forms)
    case 'false schema': return 'is not allowed'
    default: return message ?? 'does not fit'
  }
}

function bound(keyword: string, limit: unknown): string {
  return `${keyword.startsWith('min') ? 'at least' : 'at most'} ${String(limit)}`
}

function listOf(values: readonly Json[]): string {
  const shown = values.slice(0, 20).map((one) => JSON.stringify(one))
  return `${shown.join(', ')}${values.length > 20 ? ', …' : ''}`
}

function choiceOf(keyword: string, params: Record<string, unknown>, value: Json | undefined, forms: readonly Failure[]): string {
  if (keyword === 'oneOf' && Array.isArray(params.passingSchemas)) return 'fits more than one of the forms of `oneOf`'
  const reasons = [...new Set(forms.map((form) => messageOf(form, value, [])))]
  return reasons.length > 0 && reasons.length <= 4 ? reasons.join(', or ') : `fits none of the forms of \`${keyword}\``
}

/** From a JSON pointer: `/items/0/sku` is `items[0].sku`. */
function resolve(pointer: string, root: Json): { path: string; value: Json | undefined } {
  let path = ''
  let value: Json | undefined = root
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(value)) {
      path += `[${key}]`
      value = (value as readonly Json[])[Number(key)]
    } else {
      path = joinPath(path, key)
      value = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
    }
  }
  return { path, value }
}

/** `a.b`; keys that are no names are quoted: `a["b c"]`. */
export function joinPath(path: string, key: string): string {
  if (!/^[A-Za-z_$][\w$-]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`
  return path === '' ? key : `${path}.${key}`
}
