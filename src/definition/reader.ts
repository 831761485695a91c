/**
 * Readers: what may stand at a key. Each one checks a node, reporting every problem with its place, and describes itself as
 * JSON Schema: the checker and the schema for editors come from this one source. Never stops at the first problem.
 */
import { own, type JsonObject } from '../model/json.ts'
import { nearestName, notYet, refuse, wrongType, type Check, type Where } from './check-context.ts'
import { clip, quote, type Entry, type MapNode } from './tree.ts'

export interface Reader<T> {
  /** Undefined where the value is not usable, after reporting why. */
  read(check: Check, entry: Entry, where: Where): T | undefined
  schema(): JsonObject
}

export interface Key<T> {
  /** One sentence: shown by editors and in the docs. */
  doc: string
  reader: Reader<T>
  required?: boolean
}

export type Keys = { readonly [key: string]: Key<unknown> }
export type ReadOf<K extends Keys> = { -readonly [P in keyof K]?: K[P] extends Key<infer T> ? T : never }

/** Another spelling of a key: accepted, and named by a warning. */
export interface Alias {
  key: string
  /** Where the value is written differently, too. */
  reader?: Reader<unknown>
}

export interface Shape<K extends Keys> {
  /** "a step": for messages. */
  what: string
  keys: K
  aliases?: { readonly [alias: string]: Alias }
  /** Part of the language, not of this version. */
  later?: ReadonlySet<string>
  /** Words that others use: the key that is meant, or what to say. */
  hints?: { readonly [word: string]: string }
}

/** Typed as written: `key('…', duration)`. */
export function key<T>(doc: string, reader: Reader<T>, required = false): Key<T> {
  return { doc, reader, required }
}

export function readShape<K extends Keys>(check: Check, node: MapNode, shape: Shape<K>, where: Where): ReadOf<K> {
  const values: { [key: string]: unknown } = {}
  const seen = new Set<string>()
  const meant = new Set<string>()
  for (const entry of node.entries) {
    const alias = shape.aliases && Object.hasOwn(shape.aliases, entry.key) ? shape.aliases[entry.key] : undefined
    const name = alias?.key ?? entry.key
    if (!Object.hasOwn(shape.keys, name)) {
      if (shape.later?.has(name)) notYet(check, entry.keySpan, `\`${name}\``)
      else if (name !== '<<') meant.add(unknownKey(check, entry, shape) ?? '')
      continue
    }
    if (alias) check.report.warn('MAG1016', entry.keySpan, `"${entry.key}" is accepted, but is written \`${name}\` here`)
    if (seen.has(name)) check.report.error('MAG1002', entry.keySpan, `"${name}" is given twice: here as "${entry.key}"`, 'Remove one of the two.')
    seen.add(name)
    values[name] = (alias?.reader ?? shape.keys[name]?.reader)?.read(check, entry, where)
  }
  for (const [name, { required, doc }] of Object.entries(shape.keys)) {
    if (!required || seen.has(name) || meant.has(name)) continue
    const at = { start: node.span.start, end: Math.min(node.span.end, node.span.start + 1) }
    check.report.error('MAG1014', node.entries[0]?.keySpan ?? at, `${capital(shape.what)} needs \`${name}\``, doc)
  }
  return values as ReadOf<K>
}

/** The key that was meant, where one is near. */
function unknownKey<K extends Keys>(check: Check, { key: word, keySpan }: Entry, { what, keys, later, hints }: Shape<K>): string | undefined {
  const known = Object.keys(keys)
  const hint = hints && own(hints, word)
  const isSentence = hint !== undefined && !Object.hasOwn(keys, hint)
  const near = hint ?? nearestName(check, word, [...known, ...(later ?? [])])
  const help = isSentence ? hint : near === undefined ? `Known keys: ${known.join(', ')}` : `Did you mean "${near}"?`
  check.report.error('MAG1003', keySpan, `Unknown key "${clip(word)}" in ${what}`, help)
  return near
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export function shapeSchema<K extends Keys>(shape: Shape<K>): JsonObject {
  const properties: { [key: string]: JsonObject } = {}
  for (const [name, { doc, reader }] of Object.entries(shape.keys)) properties[name] = { description: doc, ...reader.schema() }
  for (const [name, { key: usual, reader }] of Object.entries(shape.aliases ?? {})) {
    properties[name] = { ...(reader ?? shape.keys[usual]?.reader)?.schema(), description: `Write \`${usual}\`.`, deprecationMessage: `Write \`${usual}\`.` }
  }
  const spellings = (name: string) => Object.entries(shape.aliases ?? {}).filter(([, { key: usual }]) => usual === name).map(([alias]) => alias)
  const required = Object.entries(shape.keys).filter(([, { required: must }]) => must).map(([name]) => [name, ...spellings(name)])
  const simple = required.filter((names) => names.length === 1).flat()
  const either = required.filter((names) => names.length > 1).map((names) => ({ anyOf: names.map((name) => ({ required: [name] })) }))
  return { type: 'object', properties, additionalProperties: false, ...(simple.length > 0 ? { required: simple } : {}), ...(either.length > 0 ? { allOf: either } : {}) }
}

/** A map with these keys and no others. */
export function shaped<K extends Keys, T>(shape: Shape<K>, make: (values: ReadOf<K>, check: Check, entry: Entry) => T | undefined): Reader<T> {
  return {
    read(check, entry, where) {
      if (entry.value.kind !== 'map') return wrongType(check, entry.value, `\`${entry.key}\``, 'a map')
      return make(readShape(check, entry.value, shape, where), check, entry)
    },
    schema: () => shapeSchema(shape),
  }
}

/** A map whose keys are names. `form`: what a name must match; `also`: what else is asked of one that does. */
export function namedMap<T>(form: RegExp, what: string, inner: Reader<T>, also?: (check: Check, entry: Entry) => void): Reader<Record<string, T>> {
  return {
    read(check, { key: outer, value: node }, where) {
      if (node.kind !== 'map') return wrongType(check, node, `\`${outer}\``, 'a map')
      const found: Array<[string, T]> = []
      for (const entry of node.entries) {
        if (!form.test(entry.key)) {
          check.report.error('MAG1030', entry.keySpan, `${quote(entry.key)} is not usable as ${what}`, nameHelp(form))
          continue
        }
        also?.(check, entry)
        const value = inner.read(check, entry, where)
        if (value !== undefined) found.push([entry.key, value])
      }
      return Object.fromEntries(found)
    },
    schema: () => ({ type: 'object', propertyNames: { pattern: form.source }, additionalProperties: inner.schema() }),
  }
}

/** One, or a list of them. */
export function oneOrMany<T>(inner: Reader<T>): Reader<T[]> {
  return {
    read(check, entry, where) {
      const nodes = entry.value.kind === 'list' ? entry.value.items : [entry.value]
      return nodes.flatMap((value) => inner.read(check, { ...entry, value }, where) ?? [])
    },
    schema: () => ({ anyOf: [inner.schema(), { type: 'array', items: inner.schema() }] }),
  }
}

/** Short form or long form: a map goes to `long`, another value to `short`. `expected`: both, in words. */
export function shortOrLong<S, L>(expected: string, short: Reader<S>, long: Reader<L>): Reader<S | L> {
  return {
    read(check, entry, where) {
      const { key: name, value } = entry
      if (value.kind === 'list' || (value.kind === 'scalar' && value.value === null)) return wrongType(check, value, `\`${name}\``, expected)
      return (value.kind === 'map' ? long : short).read(check, entry, where)
    },
    schema: () => ({ anyOf: [short.schema(), long.schema()] }),
  }
}

/** The same value, with the expressions in it read as standing elsewhere. */
export function standing<T>(place: Where['in'], inner: Reader<T>): Reader<T> {
  return { read: (check, entry, where) => inner.read(check, entry, { ...where, in: place }), schema: () => inner.schema() }
}

/** The same value; secrets may stand in it. */
export function withSecrets<T>(inner: Reader<T>): Reader<T> {
  return { read: (check, entry, where) => inner.read(check, entry, { ...where, secrets: true }), schema: () => inner.schema() }
}

export function map<T, U>(inner: Reader<T>, change: (value: T, check: Check, entry: Entry) => U | undefined): Reader<U> {
  return {
    read(check, entry, where) {
      const value = inner.read(check, entry, where)
      return value === undefined ? undefined : change(value, check, entry)
    },
    schema: () => inner.schema(),
  }
}

export function oneOf<const T extends string>(...values: T[]): Reader<T> {
  return {
    read(check, { key: name, value: node }) {
      const found = node.kind === 'scalar' ? values.find((value) => value === node.value) : undefined
      return found ?? refuse(check, 'MAG1015', node, `\`${name}\` must be ${list(values)}`)
    },
    schema: () => ({ enum: values }),
  }
}

function list(values: readonly string[]): string {
  return values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`
}

export function nameHelp(pattern: RegExp): string {
  const also = pattern.source.includes('.-') ? ', _, - and .' : pattern.source.includes('-]') ? ', _ and -' : ' and _'
  return `A letter first, then letters, digits${also}; at most 64 characters.`
}
