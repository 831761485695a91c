/** What is known of the context: the input, overlaid with what steps write, the later one in the file winning (LANGUAGE.md section 4). */
import { members, union, UNKNOWN, type Field, type MapType, type Type } from './type.ts'

interface Key {
  type: Type
  optional: boolean
  /** The number of the step that wrote it last; -1: the input. */
  by: number
}

export interface Context {
  keys: ReadonlyMap<string, Key>
  /** Of keys that are not named; absent: there are none. */
  rest: Type | undefined
}

/** More keys than this are not told apart: each step copies them. */
const MAX_KEYS = 500

export function contextOfInputs(inputs: MapType): Context {
  const keys = Object.entries(inputs.fields).map(([name, { type, optional }]): [string, Key] => [name, { type, optional: optional === true, by: -1 }])
  return bounded({ keys: new Map(keys), rest: inputs.rest })
}

/** `maybe`: the step may not have completed. */
export function contextAfter(before: Context, by: number, output: Type, maybe: boolean): Context {
  if (before === NOTHING_KNOWN) return before
  const maps = members(output).filter((one) => one.t === 'map')
  if (output.t === 'unknown' || maps.some(({ rest }) => rest)) {
    // It may have written any key.
    const keys = new Map([...before.keys].map(([name, key]): [string, Key] => [name, key.by <= by ? { ...key, type: UNKNOWN } : key]))
    for (const { fields } of maps) for (const name of Object.keys(fields)) keys.set(name, written(keys.get(name), fields[name], { by, maybe: maybe || maps.length > 1 || output.t === 'union' }))
    return bounded({ keys, rest: UNKNOWN })
  }
  if (maps.length === 0) return before
  const keys = new Map(before.keys)
  const names = new Set(maps.flatMap(({ fields }) => Object.keys(fields)))
  for (const name of names) {
    const found = maps.map(({ fields }) => (Object.hasOwn(fields, name) ? fields[name] : undefined))
    const there = found.filter((field) => field !== undefined)
    const field: Field = { type: union(...there.map(({ type }) => type)), ...(there.length < maps.length || there.some(({ optional }) => optional) ? { optional: true as const } : {}) }
    keys.set(name, written(keys.get(name), field, { by, maybe }))
  }
  return bounded({ keys, rest: before.rest })
}

function written(there: Key | undefined, field: Field | undefined, { by, maybe }: { by: number; maybe: boolean }): Key {
  const type = field?.type ?? UNKNOWN
  const mayStay = maybe || field?.optional === true
  if (there && there.by > by) return there
  if (!mayStay) return { type, optional: false, by }
  return { type: there ? union(there.type, type) : type, optional: there?.optional ?? true, by }
}

/** Of steps that meet: what each of them leaves behind. */
export function mergeContexts(contexts: readonly Context[]): Context {
  const [first, ...others] = contexts
  if (!first) return { keys: new Map(), rest: undefined }
  if (contexts.includes(NOTHING_KNOWN)) return NOTHING_KNOWN
  if (others.every((other) => other === first)) return first
  let { rest } = first
  const merged = new Map(first.keys)
  for (const other of new Set(others)) {
    if (other === first) continue
    if (merged.size > MAX_KEYS) return NOTHING_KNOWN
    for (const [name, key] of other.keys) {
      const there = merged.get(name)
      if (!there) merged.set(name, key)
      else if (there.by === key.by) merged.set(name, { type: union(there.type, key.type), optional: there.optional && key.optional, by: key.by })
      else {
        // Where the later one is not written, the earlier one stays.
        const [late, early] = there.by > key.by ? [there, key] : [key, there]
        merged.set(name, late.optional ? { type: union(late.type, early.type), optional: early.optional, by: late.by } : late)
      }
    }
    rest = rest ?? other.rest
  }
  return bounded({ keys: merged, rest })
}

const NOTHING_KNOWN: Context = { keys: new Map(), rest: UNKNOWN }

function bounded(context: Context): Context {
  return context.keys.size > MAX_KEYS ? NOTHING_KNOWN : context
}

/** With the element of a list under its name. */
export function withKey(context: Context, name: string, type: Type): Context {
  return { keys: new Map(context.keys).set(name, { type, optional: false, by: Number.MAX_SAFE_INTEGER }), rest: context.rest }
}

const types = new WeakMap<Context, MapType>()

export function typeOfContext(context: Context): MapType {
  const there = types.get(context)
  if (there) return there
  const { keys, rest } = context
  const fields = [...keys].map(([name, { type, optional }]): [string, Field] => [name, optional ? { type, optional: true } : { type }])
  const type: MapType = { t: 'map', fields: Object.fromEntries(fields), ...(rest ? { rest } : {}) }
  types.set(context, type)
  return type
}
