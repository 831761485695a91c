/** The library's values as this folder sees them: plain data on one side, its own objects on the other. */
import { Optional } from '@marcbachmann/cel-js'
import { Duration, UnsignedInt } from '@marcbachmann/cel-js/evaluator'

export { Duration, Optional, UnsignedInt }

/** A map of data. What it holds under the name `constructor` is data too, so only its prototype tells. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

export function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

/** Unsigned integers count like others. */
export function numeric(value: unknown): unknown {
  return value instanceof UnsignedInt ? value.valueOf() : value
}
