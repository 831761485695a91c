/**
 * What is known of a value before there is one: JSON types, as far as they tell whether a member exists, may be missing or may be null.
 * Plain data, so that it can be cached. `unknown` is anything: nothing is ever said about it.
 */
import { own } from '../../model/json.ts'

export interface Field {
  type: Type
  /** May be missing. */
  optional?: true
  /** Its schema says nothing of what is required, so it may be that nobody thought of it. */
  unsaid?: true
}
export type Fields = { readonly [name: string]: Field }

export interface MapType {
  t: 'map'
  fields: Fields
  /** Of the members that are not named; absent: there are none. */
  rest?: Type
  /** Written out here: a member too many is a mistake. */
  fresh?: true
}

export type Type =
  | { t: 'unknown' } | { t: 'never' } | { t: 'null' }
  | { t: 'boolean'; v?: boolean } | { t: 'number'; v?: number } | { t: 'string'; v?: string }
  | { t: 'list'; of: Type }
  | MapType
  | { t: 'union'; of: readonly Type[] }
  /** While an expression is evaluated; text in data. */
  | { t: 'time' } | { t: 'duration' }
  /** What `.?` gives. */
  | { t: 'optional'; of: Type }

export const UNKNOWN: Type = { t: 'unknown' }
export const NEVER: Type = { t: 'never' }
export const NULL: Type = { t: 'null' }
export const BOOLEAN: Type = { t: 'boolean' }
export const NUMBER: Type = { t: 'number' }
export const STRING: Type = { t: 'string' }
export const ANY_LIST: Type = { t: 'list', of: UNKNOWN }
export const ANY_MAP: MapType = { t: 'map', fields: {}, rest: UNKNOWN }

/** A union of more is what its members have in common. */
const MAX_MEMBERS = 60

export function listOf(of: Type): Type {
  return { t: 'list', of }
}

/** Fields by name; names with a `?` at their end may be missing. */
export function mapOf(entries: { readonly [name: string]: Type } | ReadonlyArray<readonly [string, Type]>, rest?: Type): MapType {
  const list = Array.isArray(entries) ? (entries as ReadonlyArray<readonly [string, Type]>) : Object.entries(entries as { [name: string]: Type })
  const fields = Object.fromEntries(list.map(([name, type]): [string, Field] => (name.endsWith('?') ? [name.slice(0, -1), { type, optional: true }] : [name, { type }])))
  return { t: 'map', fields, ...(rest ? { rest } : {}) }
}

export function literal(v: string | number | boolean): Type {
  return typeof v === 'string' ? { t: 'string', v } : typeof v === 'number' ? { t: 'number', v } : { t: 'boolean', v }
}

export function members(type: Type): readonly Type[] {
  return type.t === 'union' ? type.of : [type]
}

export function isLiteral(type: Type): type is { t: 'string'; v: string } | { t: 'number'; v: number } | { t: 'boolean'; v: boolean } {
  return 'v' in type && type.v !== undefined
}

export function union(...types: readonly Type[]): Type {
  const flat = types.flatMap(members).filter(({ t }) => t !== 'never')
  if (flat.some(({ t }) => t === 'unknown')) return UNKNOWN
  const wide = new Set(flat.filter((type) => !isLiteral(type)).map(({ t }) => t))
  const seen = new Map<string, Type>()
  for (const type of flat) {
    if (isLiteral(type) && wide.has(type.t)) continue
    const key = identity(type)
    if (!seen.has(key)) seen.set(key, type)
  }
  let found = [...seen.values()]
  if (found.filter(({ t }) => t === 'boolean').length === 2) found = [...found.filter(({ t }) => t !== 'boolean'), BOOLEAN]
  if (found.length > MAX_MEMBERS) return found.some(({ t }) => t === 'map' || t === 'list') ? UNKNOWN : union(...found.map(widen))
  const [only] = found
  return found.length === 0 ? NEVER : found.length === 1 && only ? only : { t: 'union', of: found }
}

const identities = new WeakMap<Type, string>()
let counted = 0

/** Equal for equal types. */
function identity(type: Type): string {
  if (isLiteral(type)) return `${type.t} ${String(type.v)}`
  if (type.t !== 'map' && type.t !== 'list' && type.t !== 'optional') return type.t
  // Large ones are only equal to themselves: writing them out may take for ever.
  const there = identities.get(type) ?? (sizeOf(type) > MAX_SIZE ? `#${++counted}` : JSON.stringify(type))
  identities.set(type, there)
  return there
}

const sizes = new WeakMap<Type, number>()

/** How many types a type is made of, written out: types that share parts are small in memory, and may be huge to whoever walks them. */
export function sizeOf(type: Type): number {
  const there = sizes.get(type)
  if (there !== undefined) return there
  const parts = type.t === 'list' || type.t === 'optional' ? [type.of] : type.t === 'union' ? type.of : type.t === 'map' ? [...Object.values(type.fields).map((field) => field.type), ...(type.rest ? [type.rest] : [])] : []
  const size = parts.reduce((sum, part) => sum + sizeOf(part), 1)
  sizes.set(type, size)
  return size
}

const MAX_SIZE = 1_500

/** Nothing is known of what is larger, but the names at its top. */
export function boundedType(type: Type): Type {
  if (sizeOf(type) <= MAX_SIZE) return type
  if (type.t !== 'map' || Object.keys(type.fields).length > MAX_SIZE / 2) return type.t === 'map' ? ANY_MAP : UNKNOWN
  return { ...type, fields: Object.fromEntries(Object.entries(type.fields).map(([name, field]) => [name, sizeOf(field.type) > 20 ? { ...field, type: UNKNOWN } : field])) }
}

/** Without literals: what a value that is written out today may be tomorrow. */
export function widen(type: Type): Type {
  switch (type.t) {
    case 'string': return STRING
    case 'number': return NUMBER
    case 'boolean': return BOOLEAN
    case 'list': return listOf(widen(type.of))
    case 'map': {
      const fields = Object.fromEntries(Object.entries(type.fields).map(([name, field]) => [name, { ...field, type: widen(field.type) }]))
      return { t: 'map', fields, ...(type.rest ? { rest: widen(type.rest) } : {}) }
    }
    case 'union': return union(...type.of.map(widen))
    default: return type
  }
}

export function nullable(type: Type): Type {
  return union(type, NULL)
}

export function without(type: Type, ...kinds: ReadonlyArray<Type['t']>): Type {
  return union(...members(type).filter(({ t }) => !kinds.includes(t)))
}

export function mayBe(type: Type, kind: Type['t']): boolean {
  return members(type).some(({ t }) => t === kind)
}

export function isUnknown(type: Type): boolean {
  return type.t === 'unknown'
}

/** As data: what an expression's value is once it has been evaluated. */
export function asData(type: Type): Type {
  switch (type.t) {
    case 'time': case 'duration': return STRING
    case 'optional': return asData(type.of)
    case 'list': return listOf(asData(type.of))
    case 'union': return union(...type.of.map(asData))
    case 'map': {
      const fields = Object.fromEntries(Object.entries(type.fields).map(([name, field]) => [name, { ...field, type: asData(field.type) }]))
      return { ...type, fields }
    }
    default: return type
  }
}

export function fieldOf(type: MapType, name: string): Field | undefined {
  return own(type.fields, name)
}

const MAX_SHOWN = 4

/** In this language's words: `text`, `a number or null`, `a list of text`. */
export function describeType(type: Type): string {
  switch (type.t) {
    case 'unknown': return 'anything'
    case 'never': return 'nothing'
    case 'null': return 'null'
    case 'boolean': return type.v === undefined ? 'true or false' : String(type.v)
    case 'number': return type.v === undefined ? 'a number' : String(type.v)
    case 'string': return type.v === undefined ? 'text' : JSON.stringify(type.v.length > 40 ? `${type.v.slice(0, 37)}...` : type.v)
    case 'time': return 'a time'
    case 'duration': return 'a duration'
    case 'optional': return 'something that may be missing'
    case 'list': return type.of.t === 'unknown' ? 'a list' : `a list of ${plural(type.of)}`
    case 'map': return 'a map'
    case 'union': return choice([...new Set(type.of.map(describeType))])
  }
}

function plural(type: Type): string {
  switch (type.t) {
    case 'number': return type.v === undefined ? 'numbers' : String(type.v)
    case 'map': return 'maps'
    case 'list': return 'lists'
    case 'union': return choice([...new Set(type.of.map(plural))])
    default: return describeType(type)
  }
}

export function choice(words: readonly string[]): string {
  const shown = words.length > MAX_SHOWN + 1 ? [...words.slice(0, MAX_SHOWN), `${words.length - MAX_SHOWN} more`] : words
  return shown.length < 2 ? (shown[0] ?? 'nothing') : `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}`
}
