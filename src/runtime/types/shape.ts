/**
 * From the types of a TypeScript checker, whichever version it is of, to the types of data: what a function's value is once it has become JSON, and
 * what JSON it can be given. Bounded in depth, members and work; what lies beyond is `unknown`, of which nothing is told.
 */
import { ANY_MAP, BOOLEAN, listOf, literal, mapOf, NEVER, NULL, NUMBER, sizeOf, STRING, union, UNKNOWN, type Field, type Type } from '../../definition/types/type.ts'

export interface Property<T> {
  name: string
  type: T
  optional: boolean
  /** Declared as a method: of a class or of what is one. */
  method: boolean
}

/** One type, looked at from outside. `T` is the checker's own. */
export type Shape<T> =
  | { is: 'any' | 'never' | 'null' | 'undefined' | 'bigint' | 'function' | 'object' }
  | { is: 'string' | 'number' | 'boolean'; value?: string | number | boolean }
  | { is: 'union'; of: readonly T[] }
  | { is: 'list'; of: readonly T[] }
  | { is: 'map'; properties: ReadonlyArray<Property<T>>; index?: T }

export interface Shapes<T> {
  shape(type: T): Shape<T>
  idOf(type: T): number
  /** What a method of that type returns; undefined where it is none. */
  returned(type: T): T | undefined
}

/** Whether the value goes into a worker or comes out of one. */
export type Side = 'input' | 'output'

const MAX_DEPTH = 8
const MAX_MEMBERS = 200
const MAX_NODES = 3_000

interface Conversion<T> {
  shapes: Shapes<T>
  side: Side
  left: number
  open: Set<number>
  done: Map<number, Type>
}

export function createConverter<T>(shapes: Shapes<T>): (type: T, side: Side) => Type {
  const done = { input: new Map<number, Type>(), output: new Map<number, Type>() }
  return (type, side) => {
    const conversion: Conversion<T> = { shapes, side, left: MAX_NODES, open: new Set(), done: done[side] }
    const shape = shapes.shape(type)
    const parts = shape.is === 'union' ? shape.of : [type]
    // No value at all becomes an empty map; nobody is given none.
    const found = parts.map((part) => (shapes.shape(part).is !== 'undefined' ? convert(conversion, part, 0) : side === 'output' ? mapOf({}) : NEVER))
    const whole = union(...found)
    return whole.t === 'never' ? UNKNOWN : whole
  }
}

function convert<T>(conversion: Conversion<T>, type: T, depth: number): Type {
  const { shapes, open, done } = conversion
  if (depth > MAX_DEPTH || --conversion.left < 0) return UNKNOWN
  const id = shapes.idOf(type)
  const there = done.get(id)
  if (there) return there
  if (open.has(id)) return UNKNOWN
  open.add(id)
  const all = convertShape(conversion, shapes.shape(type), depth)
  const found = sizeOf(all) > MAX_NODES ? UNKNOWN : all
  open.delete(id)
  done.set(id, found)
  return found
}

function convertShape<T>(conversion: Conversion<T>, shape: Shape<T>, depth: number): Type {
  switch (shape.is) {
    case 'null': return NULL
    case 'string': return typeof shape.value === 'string' ? literal(shape.value) : STRING
    case 'number': return typeof shape.value === 'number' ? literal(shape.value) : NUMBER
    case 'boolean': return typeof shape.value === 'boolean' ? literal(shape.value) : BOOLEAN
    case 'union': return union(...shape.of.filter((part) => !isDropped(conversion, part)).map((part) => convert(conversion, part, depth + 1)))
    // What JSON has no word for becomes null in a list.
    case 'list': return listOf(union(...shape.of.map((item) => (kept(conversion, item).isWhole ? convert(conversion, item, depth + 1) : union(convert(conversion, item, depth + 1), NULL)))))
    case 'map': return convertMap(conversion, shape, depth)
    case 'object': return ANY_MAP
    case 'any': case 'never': case 'undefined': case 'bigint': case 'function': return UNKNOWN
  }
}

/** The part of a type that JSON keeps. */
function kept<T>(conversion: Conversion<T>, type: T): { parts: readonly T[]; isWhole: boolean } {
  const shape = conversion.shapes.shape(type)
  const all = shape.is === 'union' ? shape.of : [type]
  const parts = all.filter((part) => !isDropped(conversion, part))
  return { parts, isWhole: parts.length === all.length }
}

function isDropped<T>({ shapes }: Conversion<T>, type: T): boolean {
  const { is } = shapes.shape(type)
  return is === 'undefined' || is === 'function'
}

function convertMap<T>(conversion: Conversion<T>, { properties, index }: { properties: ReadonlyArray<Property<T>>; index?: T }, depth: number): Type {
  const { shapes, side } = conversion
  // `{}` in TypeScript is anything but null.
  if (properties.length === 0 && index === undefined) return UNKNOWN
  const toJson = properties.find(({ name }) => name === 'toJSON')
  if (toJson && side === 'output') {
    const returned = shapes.returned(toJson.type)
    return returned === undefined ? UNKNOWN : convert(conversion, returned, depth + 1)
  }
  // An instance of a class: what JSON makes of it, or whether JSON can stand for it, the types do not tell.
  if (properties.some(({ method }) => method)) return UNKNOWN
  const fields = properties.slice(0, MAX_MEMBERS).flatMap((property): Array<[string, Field]> => {
    const { parts, isWhole } = kept(conversion, property.type)
    if (parts.length === 0) return side === 'output' ? [] : [[property.name, { type: UNKNOWN, optional: true }]]
    const type = convert(conversion, property.type, depth + 1)
    return [[property.name, property.optional || !isWhole ? { type, optional: true } : { type }]]
  })
  const rest = properties.length > MAX_MEMBERS ? UNKNOWN : index === undefined ? undefined : convert(conversion, index, depth + 1)
  return { t: 'map', fields: Object.fromEntries(fields), ...(rest ? { rest } : {}) }
}
