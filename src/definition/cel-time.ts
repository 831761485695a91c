/**
 * Times and durations in expressions. The library reads times without a zone in the host's own, counts days of the year by it, and
 * loses the sign of fractions; a run must give the same on every machine.
 */
import { ExpressionError } from '../model/expression.ts'
import { Duration } from './cel-values.ts'
import { parseTime } from './time.ts'

const SECOND = 1_000_000_000n
const UNITS: Readonly<Record<string, bigint>> = { h: 3_600n * SECOND, m: 60n * SECOND, s: SECOND, ms: 1_000_000n, us: 1_000n, µs: 1_000n, ns: 1n }
/** CEL: ten thousand years. */
const MAX_NANOS = 315_576_000_000n * SECOND
const FIRST = Date.UTC(1, 0, 1) - (Date.UTC(1, 0, 1) - Date.parse('0001-01-01T00:00:00Z'))
const LAST = Date.parse('9999-12-31T23:59:59.999Z')

export function timestampOf(text: string): Date {
  const time = parseTime(text)
  if (time === undefined) throw new ExpressionError(`not a time: ${JSON.stringify(text.slice(0, 60))}; times are RFC 3339 with a zone, for example 2026-01-03T14:56:32Z`)
  return dateOf(time)
}

function dateOf(time: number): Date {
  if (!(time >= FIRST && time <= LAST)) throw new ExpressionError('the time is not between the years 1 and 9999')
  return new Date(time)
}

/** `1h30m`, `-1.5s`, `500ms`; CEL has no days. */
export function durationOf(text: string): Duration {
  const match = text.length > 100 ? null : /^([+-]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:h|ms|m|s|us|µs|ns))+)$/.exec(text)
  if (!match) throw new ExpressionError(`Invalid duration: ${JSON.stringify(text.slice(0, 60))}; for example 1h30m, 1.5s or 500ms`)
  let total = 0n
  for (const [, whole = '', fraction = '', unit = ''] of (match[2] ?? '').matchAll(/(\d*)(?:\.(\d*))?(h|ms|m|s|us|µs|ns)/g)) {
    const nanos = UNITS[unit] ?? 0n
    total += BigInt(whole || '0') * nanos + (BigInt(fraction.slice(0, 13).padEnd(13, '0')) * nanos) / 10_000_000_000_000n
  }
  return ofNanos(match[1] === '-' ? -total : total)
}

/** Seconds and nanoseconds get one sign. */
function ofNanos(nanos: bigint): Duration {
  if (nanos > MAX_NANOS || nanos < -MAX_NANOS) throw new ExpressionError('the duration is longer than 10000 years')
  return new Duration(nanos / SECOND, Number(nanos % SECOND))
}

export function nanosOf(duration: Duration): bigint {
  return duration.seconds * SECOND + BigInt(duration.nanos)
}

/** `3600s`, `-1.5s`. */
export function durationText(duration: Duration): string {
  const nanos = nanosOf(duration)
  const size = nanos < 0n ? -nanos : nanos
  const fraction = (size % SECOND).toString().padStart(9, '0').replace(/0+$/, '')
  return `${nanos < 0n ? '-' : ''}${size / SECOND}${fraction === '' ? '' : `.${fraction}`}s`
}

export function timeText(date: Date): string {
  return dateOf(date.getTime()).toISOString().replace('.000Z', 'Z')
}

/** Sums and differences; undefined where the operands are others. */
export function timeArithmetic(op: string, a: unknown, b: unknown): Date | Duration | undefined {
  const sign = op === '+' ? 1n : op === '-' ? -1n : undefined
  if (sign === undefined) return undefined
  if (a instanceof Duration && b instanceof Duration) return ofNanos(nanosOf(a) + sign * nanosOf(b))
  if (a instanceof Date && b instanceof Duration) return dateOf(a.getTime() + Number((sign * nanosOf(b)) / 1_000_000n))
  if (a instanceof Duration && b instanceof Date && op === '+') return dateOf(b.getTime() + Number(nanosOf(a) / 1_000_000n))
  return a instanceof Date && b instanceof Date && op === '-' ? ofNanos(BigInt(a.getTime() - b.getTime()) * 1_000_000n) : undefined
}

/** What a `get…` of a time or a duration gives; undefined where there is no such function. */
export function fieldOf(name: string, value: unknown, zone: unknown): bigint | undefined {
  if (value instanceof Duration) {
    const nanos = nanosOf(value)
    return zone === undefined && Object.hasOwn(SPANS, name) ? nanos / (SPANS[name] ?? 1n) : undefined
  }
  if (!(value instanceof Date) || !Object.hasOwn(FIELDS, name) || (zone !== undefined && typeof zone !== 'string')) return undefined
  const field = FIELDS[name]?.(zone === undefined ? value : inZone(value, zone))
  return field === undefined ? undefined : BigInt(field)
}

const SPANS: Readonly<Record<string, bigint>> = { getHours: 3_600n * SECOND, getMinutes: 60n * SECOND, getSeconds: SECOND, getMilliseconds: 1_000_000n }

/** Of a date whose UTC fields are those of the zone. Months, days of the week and of the year count from 0. */
const FIELDS: Readonly<Record<string, (date: Date) => number>> = {
  getFullYear: (date) => date.getUTCFullYear(), getMonth: (date) => date.getUTCMonth(), getDate: (date) => date.getUTCDate(),
  getDayOfMonth: (date) => date.getUTCDate() - 1, getDayOfWeek: (date) => date.getUTCDay(), getHours: (date) => date.getUTCHours(),
  getDayOfYear: (date) => Math.floor((date.getTime() - startOfYear(date)) / 86_400_000),
  getMinutes: (date) => date.getUTCMinutes(), getSeconds: (date) => date.getUTCSeconds(), getMilliseconds: (date) => date.getUTCMilliseconds(),
}

function startOfYear(date: Date): number {
  return new Date(date).setUTCMonth(0, 1) - (date.getTime() - Math.floor(date.getTime() / 86_400_000) * 86_400_000)
}

const MAX_ZONES = 200
const zones = new Map<string, Intl.DateTimeFormat>()

/** `Europe/Berlin`, or an offset such as `+02:00`. */
function inZone(date: Date, zone: string): Date {
  const offset = /^([+-]?)(\d\d):(\d\d)$/.exec(zone)
  if (offset) return new Date(date.getTime() + (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3])) * 60_000)
  const parts: Record<string, string> = {}
  for (const { type, value } of formatOf(zone).formatToParts(date)) parts[type] = value
  const year = Number(parts.year) * (parts.era === 'BC' ? -1 : 1)
  const local = new Date(0)
  local.setUTCFullYear(year, Number(parts.month) - 1, Number(parts.day))
  return new Date(local.setUTCHours(Number(parts.hour), Number(parts.minute), Number(parts.second), date.getUTCMilliseconds()))
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const there = zones.get(zone)
  if (there) return there
  if (zones.size >= MAX_ZONES) zones.clear()
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone, hourCycle: 'h23', era: 'short', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
    })
    zones.set(zone, format)
    return format
  } catch {
    throw new ExpressionError(`not a time zone: ${JSON.stringify(zone.slice(0, 60))}; for example Europe/Berlin`)
  }
}
