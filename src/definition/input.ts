/** A run's input against the workflow's `inputs:`: names, defaults, JSON Schema; and inputs typed as `-i key=value`. */
import type { Definition, InputSpec } from '../model/definition.ts'
import { FORBIDDEN_KEYS, isJsonObject, own, type Json, type JsonObject } from '../model/json.ts'
import { LIMITS } from '../model/limits.ts'
import { nearest } from '../model/nearest.ts'
import { article, describe, joinPath, schemaProblems, type SchemaProblem } from './json-schema.ts'

/** `path`: `customer.items[0].sku`; empty for the input itself. */
export type InputProblem = SchemaProblem

const MAX_PROBLEMS = 20
const MAX_SHOWN = 20
/** Of one map: listing more takes an expression longer than it may. */
const MAX_KEYS = 100_000

/** The input with defaults filled in, or all that is wrong with it. */
export function checkInput(definition: Definition, given: Json): { input: JsonObject } | { problems: InputProblem[] } {
  if (!isJsonObject(given)) return { problems: [{ path: '', message: `must be a JSON object, not ${describe(given)}` }] }
  const shape = checkShape(given)
  if (shape) return { problems: [shape] }
  const { inputs } = definition
  if (!inputs) return { input: given }
  const input: { [name: string]: Json } = {}
  const problems: InputProblem[] = []
  for (const name of Object.keys(given)) {
    if (problems.length >= MAX_PROBLEMS) break
    if (!Object.hasOwn(inputs, name)) problems.push({ path: joinPath('', name.slice(0, 80)), message: unknownInput(name, Object.keys(inputs)) })
  }
  for (const [name, spec] of Object.entries(inputs)) {
    const value = own(given, name) ?? (Object.hasOwn(given, name) ? null : spec.default)
    if (value === undefined) {
      if (!spec.optional) problems.push({ path: name, message: `is missing${hint(spec)}` })
      continue
    }
    input[name] = value
    for (const { path, message } of schemaProblems(spec.schema, value)) problems.push({ path: join(name, path), message })
  }
  return problems.length > 0 ? { problems: problems.slice(0, MAX_PROBLEMS) } : { input }
}

function unknownInput(name: string, names: string[]): string {
  const near = nearest(name, names)
  const shown = `${names.slice(0, MAX_SHOWN).join(', ')}${names.length > MAX_SHOWN ? ', …' : ''}`
  return `is no input of this workflow${near ? `; did you mean "${near}"?` : names.length > 0 ? `; there are: ${shown}` : '; it takes none'}`
}

function hint({ schema }: InputSpec): string {
  const type = typeof schema.type === 'string' ? schema.type : ''
  const about = typeof schema.description === 'string' ? schema.description : ''
  const text = [type, about].filter((part) => part !== '').join(': ')
  return text === '' ? '' : ` (${text})`
}

function join(name: string, path: string): string {
  return path === '' || path.startsWith('[') ? name + path : `${name}.${path}`
}

/** Keys that reach into prototypes, and nesting that would overflow whoever walks it. Iterative, since it may be deep. */
function checkShape(value: Json): InputProblem | undefined {
  const stack: Array<{ value: Json; path: string; depth: number }> = [{ value, path: '', depth: 0 }]
  for (let at = stack.pop(); at; at = stack.pop()) {
    if (typeof at.value !== 'object' || at.value === null) continue
    if (at.depth > LIMITS.inputDepth) return { path: at.path.slice(0, 80), message: `is nested deeper than ${LIMITS.inputDepth} levels` }
    if (Array.isArray(at.value)) {
      for (const [i, inner] of (at.value as readonly Json[]).entries()) {
        if (typeof inner === 'object' && inner !== null) stack.push({ value: inner, path: `${at.path}[${i}]`, depth: at.depth + 1 })
      }
      continue
    }
    const keys = Object.keys(at.value)
    if (keys.length > MAX_KEYS) return { path: at.path, message: `has more than ${MAX_KEYS} keys; pass them as a list, or a reference to the data` }
    for (const key of keys) {
      if (FORBIDDEN_KEYS.has(key)) return { path: joinPath(at.path, key), message: `the key "${key}" is not allowed` }
      const inner = (at.value as JsonObject)[key]
      if (typeof inner === 'object' && inner !== null) stack.push({ value: inner, path: joinPath(at.path, key), depth: at.depth + 1 })
    }
  }
  return undefined
}

/**
 * `-i key=value` is read by the declared type of `key` (text where none is declared), `-i key:=json` is JSON. Throws a
 * message where it cannot be.
 */
export function parseInputPairs(definition: Definition, pairs: readonly string[]): { [name: string]: Json } {
  const input: { [name: string]: Json } = {}
  for (const pair of pairs) {
    const match = /^([^=:]+)(:?=)(.*)$/s.exec(pair)
    const [, name, operator, text] = match ?? []
    if (name === undefined || text === undefined) throw new InputPairError(`-i ${pair.slice(0, 60)} is neither key=value nor key:=json`)
    if (FORBIDDEN_KEYS.has(name)) throw new InputPairError(`-i ${name}=…: the key "${name}" is not allowed`)
    input[name] = operator === ':=' ? parsed(name, text) : byType(name, text, own(definition.inputs ?? {}, name))
  }
  return input
}

export class InputPairError extends Error {}

function parsed(name: string, text: string): Json {
  try {
    return JSON.parse(text, /\d{16}|[eE]\+?\d{2}/.test(text) ? exactly : undefined) as Json
  } catch (error) {
    if (error instanceof RangeError) throw new InputPairError(`-i ${name}: ${error.message}`)
    throw new InputPairError(`-i ${name}:=… is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Refuses numbers that would silently become others. */
function exactly(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value === 'number') requireExact(value, context?.source ?? '')
  return value
}

function requireExact(value: number, digits: string): void {
  if (Number.isFinite(value) && (Number.isSafeInteger(value) || !/^[+-]?\d+$/.test(digits))) return
  throw new RangeError(`the number ${digits.slice(0, 40)} is too large to be kept as it is; give it as text`)
}

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/

function byType(name: string, text: string, spec: InputSpec | undefined): Json {
  const types = [spec?.schema.type ?? []].flat().map(String)
  if (types.length === 0 || types.includes('string')) return text
  const isNumber = types.includes('number') || types.includes('integer')
  if (isNumber && NUMBER.test(text)) return numberOf(name, text)
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  if (types.includes('null') && text === 'null') return null
  if (types.includes('object') || types.includes('array')) return parsed(name, text)
  throw new InputPairError(`-i ${name}=${text.slice(0, 60)}: ${name} is declared as ${types.map(article).join(' or ')}${types.includes('boolean') ? ': true or false' : ''}`)
}

function numberOf(name: string, text: string): number {
  try {
    requireExact(Number(text), text)
    return Number(text)
  } catch (error) {
    throw new InputPairError(`-i ${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
