/**
 * Counted work. The library has no limit of its own: each loop turn, call and growing value is charged to one budget per
 * evaluation, in units of about 60 ns or 20 bytes. When it is spent, loops end at once and the evaluation is refused, whatever
 * operators (`||`, `exists`) swallowed on the way.
 */
import { ExpressionError } from '../model/expression.ts'
import { isPlain } from './cel-values.ts'

const BUDGET = 800_000
const MAX_TEXT = 4 * 1024 * 1024
/** An error that an operator swallows costs this much to make. */
export const ERROR_COST = 200

let left = 0

const SPENT = new ExpressionError('the expression does too much work')

export function refill(): void {
  left = BUDGET
}

export function isSpent(): boolean {
  return left < 0
}

/** Throws one shared error, cheap to make by the thousand; the evaluation ends with one of its own. */
export function charge(units: number): void {
  left -= units
  if (left < 0) throw SPENT
}

/** For loop conditions, which must not throw. */
export function spend(units: number): boolean {
  left -= units
  return left >= 0
}

export function chargeText(length: number): void {
  if (length > MAX_TEXT) left = -1
  charge(1 + (length >> 3))
}

/** Before a value is copied, compared or searched. */
export function chargeValue(value: unknown): void {
  if (typeof value === 'string' || value instanceof Uint8Array) chargeText(value.length)
  else if (Array.isArray(value)) charge(1 + value.length)
  else if (isPlain(value)) charge(1 + keyCount(value) * 6)
}

const LARGE_MAP = 1_000
const largeMaps = new WeakMap<object, number>()

/** Listing the keys of a large map is what takes its time, so it is done once. Data does not change. */
export function keyCount(map: object): number {
  const there = largeMaps.get(map)
  if (there !== undefined) return there
  const count = Object.keys(map).length
  if (count > LARGE_MAP) largeMaps.set(map, count)
  return count
}

/** Before a function or an operator of the library looks at it. Lists and maps are only asked for what they are. */
export function chargeOperand(value: unknown): void {
  if (typeof value === 'string' || value instanceof Uint8Array) chargeText(value.length)
}
