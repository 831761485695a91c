/**
 * What a worker returned, as the JSON that a run records: always a fresh value, so that nothing a worker keeps can
 * change what was committed. JSON's own rules, except that what JSON would lose or mangle in silence is an error.
 */
import { FORBIDDEN_KEYS, isJsonObject, type Json, type JsonObject } from '../model/json.ts'
import { LIMITS } from '../model/limits.ts'
import { formatBytes } from './outcome-text.ts'

/** The value cannot be recorded. `code` is the attempt's error code. */
export class OutputError extends Error {
  readonly code: 'NOT_JSON' | 'LIMIT'
  readonly retryable = false

  constructor(code: 'NOT_JSON' | 'LIMIT', message: string) {
    super(message)
    this.name = 'OutputError'
    this.code = code
  }
}

export interface Output {
  value: JsonObject
  /** UTF-8 bytes as JSON, where that is more than `LIMITS.payloadWarnBytes`. */
  largeBytes?: number
}

/** LANGUAGE.md section 3: non-objects, arrays too, become `{ result: v }`, undefined `{}`. Throws OutputError. */
export function toOutput(returned: unknown): Output {
  if (returned === undefined || typeof returned === 'function' || typeof returned === 'symbol') return { value: {} }
  const copy: Copy = { size: 0, maxSize: LIMITS.payloadBytes, ancestors: [] }
  const json = copyValue(copy, returned, [])
  const value = isJsonObject(json) ? json : json === undefined ? {} : { result: json }
  // Characters are counted while copying; a UTF-16 unit is at most 6 bytes of JSON text (`\u0000`).
  if (copy.size * 6 < LIMITS.payloadWarnBytes) return { value }
  const bytes = Buffer.byteLength(JSON.stringify(value))
  if (bytes > LIMITS.payloadBytes) throw tooLarge(bytes)
  return bytes > LIMITS.payloadWarnBytes ? { value, largeBytes: bytes } : { value }
}

/** What a program gives as input: a fresh copy, refused (OutputError) where JSON would lose or mangle something. */
export function toInput(given: unknown): Json {
  return copyValue({ size: 0, maxSize: LIMITS.inputBytes, ancestors: [] }, given, []) ?? {}
}

/** A fresh copy of any value as JSON, bounded, never throwing: for error details and log fields. */
export function toJsonSafely(value: unknown, maxSize: number): Json | undefined {
  try {
    return copyValue({ size: 0, maxSize, ancestors: [] }, value, [])
  } catch (error) {
    return error instanceof OutputError && error.code === 'LIMIT' ? `(left out: more than ${formatBytes(maxSize)})` : '(left out: not JSON)'
  }
}

/** A copy of what is known to be JSON: a worker may do with it what it likes. */
export function cloneJson(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return (value as Json[]).map(cloneJson)
  const source = value as JsonObject
  const target: Record<string, Json> = {}
  for (const key of Object.keys(source)) target[key] = cloneJson(source[key] as Json)
  return target
}

interface Copy {
  /** A lower bound of the JSON text's length. */
  size: number
  maxSize: number
  ancestors: object[]
}
type Path = Array<string | number>

/** Undefined: JSON leaves it out. */
function copyValue(copy: Copy, value: unknown, path: Path): Json | undefined {
  switch (typeof value) {
    case 'string':
      grow(copy, value.length + 2)
      return value
    case 'number':
      if (!Number.isFinite(value)) throw notJson(path, `is ${value}`)
      grow(copy, 1)
      return value === 0 ? 0 : value
    case 'boolean':
      grow(copy, 4)
      return value
    case 'bigint':
      throw notJson(path, 'is a BigInt', 'return it as a string')
    case 'object':
      if (value === null) {
        grow(copy, 4)
        return null
      }
      return copyObject(copy, value, path)
    default:
      return undefined
  }
}

function copyObject(copy: Copy, value: object, path: Path): Json | undefined {
  if (copy.ancestors.includes(value)) throw notJson(path, 'contains itself (a cycle)')
  if (path.length >= LIMITS.inputDepth) throw notJson(path, `is nested deeper than ${LIMITS.inputDepth} levels`)
  const toJSON = read(value, 'toJSON', path)
  copy.ancestors.push(value)
  let result: Json | undefined
  if (typeof toJSON === 'function') result = copyToJson(copy, value, toJSON as (key: string) => unknown, path)
  else if (Array.isArray(value)) result = copyArray(copy, value, path)
  else if (value instanceof Number || value instanceof String || value instanceof Boolean) result = copyValue(copy, value.valueOf(), path)
  else result = copyMembers(copy, value, path)
  copy.ancestors.pop()
  return result
}

function copyToJson(copy: Copy, value: object, toJSON: (key: string) => unknown, path: Path): Json | undefined {
  let replaced: unknown
  try {
    replaced = Reflect.apply(toJSON, value, [String(path.at(-1) ?? '')])
  } catch (error) {
    throw notJson(path, `throws in toJSON: ${messageOf(error)}`)
  }
  // What toJSON returns is not asked again, as JSON.stringify would not; itself it may return.
  if (typeof replaced !== 'object' || replaced === null) return copyValue(copy, replaced, path)
  if (Array.isArray(replaced)) return copyArray(copy, replaced, path)
  return copyMembers(copy, replaced, path)
}

function copyArray(copy: Copy, value: readonly unknown[], path: Path): Json {
  grow(copy, 2)
  const target: Json[] = []
  for (let i = 0; i < value.length; i++) {
    path.push(i)
    target.push(copyValue(copy, read(value, i, path, true), path) ?? null)
    grow(copy, 1)
    path.pop()
  }
  return target
}

function copyMembers(copy: Copy, value: object, path: Path): Json {
  grow(copy, 2)
  const target: Record<string, Json> = {}
  for (const key of Object.keys(value)) {
    path.push(key)
    const member = copyValue(copy, read(value, key, path, true), path)
    if (member !== undefined) {
      if (FORBIDDEN_KEYS.has(key)) throw notJson(path, 'is a key that is not allowed')
      grow(copy, key.length + 4)
      target[key] = member
    }
    path.pop()
  }
  return target
}

function read(value: object, key: string | number, path: Path, inPath = false): unknown {
  try {
    return (value as Record<string | number, unknown>)[key]
  } catch (error) {
    throw notJson(inPath ? path : [...path, key], `throws when it is read: ${messageOf(error)}`)
  }
}

function grow(copy: Copy, by: number): void {
  copy.size += by
  if (copy.size > copy.maxSize) throw tooLarge(undefined)
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : typeof error).slice(0, 200)
}

function notJson(path: Path, what: string, hint?: string): OutputError {
  return new OutputError('NOT_JSON', `${pathText(path)} ${what}; an output must be JSON${hint ? ` (${hint})` : ''}`)
}

function tooLarge(bytes: number | undefined): OutputError {
  const size = bytes === undefined ? 'more' : formatBytes(bytes)
  return new OutputError('LIMIT', `the output has ${size === 'more' ? 'more than' : `${size}, more than`} the ${formatBytes(LIMITS.payloadBytes)} that a step may return; return a reference to it instead`)
}

/** `output.items[2].price` */
function pathText(path: Path): string {
  let text = 'output'
  for (const part of path.slice(0, 20)) {
    text += typeof part === 'number' ? `[${part}]` : /^[A-Za-z_$][\w$]*$/.test(part) ? `.${part}` : `[${JSON.stringify(part.slice(0, 60))}]`
  }
  return path.length > 20 ? `${text}…` : text
}
