/** The type that a JSON Schema (2020-12) describes. What it says in words that types lack (`not`, `if`, formats) is left out. */
import { isJsonObject, own, type Json, type JsonObject } from '../../model/json.ts'
import { ANY_LIST, ANY_MAP, BOOLEAN, isUnknown, listOf, literal, members, NEVER, NULL, NUMBER, STRING, union, UNKNOWN, type Field, type MapType, type Type } from './type.ts'

const MAX_DEPTH = 12
const MAX_NODES = 5_000

interface Reading {
  root: Json
  left: number
}

export function typeOfSchema(schema: Json): Type {
  return read({ root: schema, left: MAX_NODES }, schema, 0)
}

function read(reading: Reading, schema: Json, depth: number): Type {
  if (schema === false) return NEVER
  if (!isJsonObject(schema) || depth > MAX_DEPTH || --reading.left < 0) return UNKNOWN
  let type = ownType(reading, schema, depth)
  const ref = own(schema, '$ref')
  if (typeof ref === 'string') type = both(type, read(reading, resolve(reading.root, ref), depth + 1))
  for (const key of ['anyOf', 'oneOf']) {
    const options = own(schema, key)
    if (Array.isArray(options)) type = both(type, union(...(options as readonly Json[]).map((option) => read(reading, option, depth + 1))))
  }
  const all = own(schema, 'allOf')
  if (Array.isArray(all)) for (const part of all as readonly Json[]) type = both(type, read(reading, part, depth + 1))
  return type
}

function ownType(reading: Reading, schema: JsonObject, depth: number): Type {
  const fixed = own(schema, 'const')
  if (fixed !== undefined) return typeOfJson(fixed)
  const values = own(schema, 'enum')
  if (Array.isArray(values)) return union(...(values as readonly Json[]).map(typeOfJson))
  const named = own(schema, 'type')
  const types = typeof named === 'string' ? [named] : Array.isArray(named) ? (named as readonly Json[]).map(String) : []
  if (types.length > 0) return union(...types.map((type) => ofType(reading, type, schema, depth)))
  return UNKNOWN
}

function ofType(reading: Reading, type: string, schema: JsonObject, depth: number): Type {
  switch (type) {
    case 'string': return STRING
    case 'number': case 'integer': return NUMBER
    case 'boolean': return BOOLEAN
    case 'null': return NULL
    case 'array': return listType(reading, schema, depth)
    case 'object': return mapType(reading, schema, depth)
    default: return UNKNOWN
  }
}

function listType(reading: Reading, schema: JsonObject, depth: number): Type {
  const items = own(schema, 'items')
  const first = own(schema, 'prefixItems')
  if (Array.isArray(first)) {
    const heads = (first as readonly Json[]).map((item) => read(reading, item, depth + 1))
    return listOf(union(...heads, items === undefined ? UNKNOWN : read(reading, items, depth + 1)))
  }
  return items === undefined ? ANY_LIST : listOf(read(reading, items, depth + 1))
}

function mapType(reading: Reading, schema: JsonObject, depth: number): MapType {
  const properties = own(schema, 'properties')
  const required = own(schema, 'required')
  const needed = new Set(Array.isArray(required) ? (required as readonly Json[]).map(String) : [])
  const fields: [string, Field][] = Object.entries(isJsonObject(properties) ? properties : {}).map(([name, one]) => {
    const type = read(reading, one, depth + 1)
    return [name, needed.has(name) ? { type } : { type, optional: true, ...(required === undefined ? { unsaid: true as const } : {}) }]
  })
  // A name that is required without being described is there all the same.
  const undescribed = [...needed].filter((name) => !isJsonObject(properties) || !Object.hasOwn(properties, name)).map((name): [string, Field] => [name, { type: UNKNOWN }])
  const more = own(schema, 'additionalProperties') ?? own(schema, 'unevaluatedProperties')
  const isOpen = own(schema, 'patternProperties') !== undefined || own(schema, 'allOf') !== undefined || own(schema, '$ref') !== undefined || more === undefined
  const rest = isOpen ? UNKNOWN : more === false ? undefined : read(reading, more ?? true, depth + 1)
  return { t: 'map', fields: Object.fromEntries([...fields, ...undescribed]), ...(rest ? { rest } : {}) }
}

/** Only references into the same schema are taken; what leads nowhere says nothing. */
function resolve(root: Json, ref: string): Json {
  if (!ref.startsWith('#')) return true
  let at: Json | undefined = root
  for (const part of ref.slice(1).split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    at = isJsonObject(at) ? own(at, name) : Array.isArray(at) ? (at as readonly Json[])[Number(name)] : undefined
  }
  return at ?? true
}

/** What is both: members of maps together, else the one that says more. */
function both(one: Type, other: Type): Type {
  if (isUnknown(one)) return other
  if (isUnknown(other)) return one
  if (one.t === 'map' && other.t === 'map') return joined(one, other)
  const kinds = new Set(members(other).map(({ t }) => t))
  const kept = members(one).filter(({ t }) => kinds.has(t))
  return kept.length === 0 ? UNKNOWN : kept.length === 1 && one.t !== 'union' ? other : union(...kept.map((kept) => (kept.t === 'map' ? withMap(kept, other) : kept)))
}

function withMap(one: MapType, other: Type): Type {
  const maps = members(other).filter((member) => member.t === 'map')
  return union(...maps.map((map) => joined(one, map)))
}

export function joined(one: MapType, other: MapType): MapType {
  const fields: { [name: string]: Field } = Object.fromEntries(Object.entries(one.fields))
  for (const [name, field] of Object.entries(other.fields)) {
    const there = own(fields, name)
    const type = there ? both(there.type, field.type) : field.type
    const entry: Field = there && !(there.optional && field.optional) ? { type } : { ...field, type }
    Object.defineProperty(fields, name, { value: entry, enumerable: true, configurable: true, writable: true })
  }
  // Members that only one of them names are still its own.
  const rest = one.rest && other.rest ? both(one.rest, other.rest) : (one.rest ?? other.rest)
  return { t: 'map', fields, ...(rest ? { rest } : {}) }
}

/** Of a value that is there: literals kept. */
export function typeOfJson(value: Json, depth = 0): Type {
  if (value === null) return NULL
  if (typeof value !== 'object') return literal(value)
  if (depth > MAX_DEPTH) return UNKNOWN
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).slice(0, 100).map((item) => typeOfJson(item, depth + 1))
    return items.length === 0 ? ANY_LIST : listOf(union(...items, ...((value as readonly Json[]).length > 100 ? [UNKNOWN] : [])))
  }
  const entries = Object.entries(value as JsonObject)
  if (entries.length > 1_000) return ANY_MAP
  return { t: 'map', fields: Object.fromEntries(entries.map(([name, one]): [string, Field] => [name, { type: typeOfJson(one, depth + 1) }])), fresh: true }
}
