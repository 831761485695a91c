/** From the library's values to plain JSON. Everything that JSON cannot say is refused. */
import { ExpressionError } from '../model/expression.ts'
import { FORBIDDEN_KEYS, type Json } from '../model/json.ts'
import { charge, chargeText } from './cel-budget.ts'
import { durationText, timeText } from './cel-time.ts'
import { Duration, isPlain, Optional, UnsignedInt } from './cel-values.ts'

const MAX_DEPTH = 300

/** A copy where something had to change, charged to the budget. */
export function plain(value: unknown, depth = 0): Json {
  charge(2)
  switch (typeof value) {
    case 'boolean':
      return value
    case 'string':
      chargeText(value.length)
      return value
    case 'number':
      return finite(value)
    case 'bigint':
      return whole(value)
    case 'object':
      return value === null ? null : plainObject(value, depth)
    default:
      throw new ExpressionError(`the result is no JSON value (${typeof value})`)
  }
}

/** What a bare path such as `inputs.customer` gave is JSON already: only its top is looked at. */
export function plainTop(value: unknown): Json {
  return Array.isArray(value) || isPlain(value) ? (value as Json) : plain(value)
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new ExpressionError(`the result is ${value}, which JSON cannot hold`)
  return value === 0 ? 0 : value
}

function whole(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) {
    throw new ExpressionError(`the integer ${value} is beyond 2^53 and would lose digits`)
  }
  return Number(value)
}

function plainObject(value: object, depth: number): Json {
  if (depth > MAX_DEPTH) throw new ExpressionError(`the result is nested deeper than ${MAX_DEPTH} levels`)
  if (Array.isArray(value)) {
    charge(6)
    return value.map((item) => plain(item, depth + 1))
  }
  if (value instanceof Date) return timeText(value)
  if (value instanceof Duration) return durationText(value)
  if (value instanceof UnsignedInt) return whole(BigInt(value.toString()))
  if (value instanceof Optional) {
    if (!value.hasValue()) throw new ExpressionError('the value is missing; say what to use instead with .orValue(…)', { missing: true })
    return plain(value.value(), depth)
  }
  if (isPlain(value)) return plainMap(value, depth)
  throw new ExpressionError(value instanceof Uint8Array ? 'bytes have no form in JSON; use .base64()' : 'the result is no JSON value')
}

function plainMap(value: Record<string, unknown>, depth: number): Json {
  const result: { [key: string]: Json } = {}
  for (const key of Object.keys(value)) {
    charge(6)
    if (FORBIDDEN_KEYS.has(key)) throw new ExpressionError(`the key "${key}" is not allowed`)
    result[key] = plain(value[key], depth + 1)
  }
  return result
}
