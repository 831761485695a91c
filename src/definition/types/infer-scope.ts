/** What is known while an expression is read: the types of its names, and what the conditions around a place have shown. */
import { memberOf, type Cel } from '../cel-ast.ts'
import type { Code } from '../codes.ts'
import { fieldOf, isLiteral, isUnknown, literal, members, NEVER, union, UNKNOWN, without, type MapType, type Type } from './type.ts'

export interface Finding {
  code: Code
  severity: 'error' | 'warning'
  /** 0-based, into the expression's source. */
  start: number
  end: number
  message: string
  help?: string
}

/** Why something may be missing or null, and what to write instead; undefined: nothing more is known than that. */
export type Why = (path: readonly string[]) => Reason | undefined

export interface Reason {
  reason: string
  /** What to do, beside asking softly. */
  help?: string
  /** Asking softly is no help. */
  only?: true
}

export interface Reading {
  tell(finding: Finding): void
  near(typed: string, names: Iterable<string>): string | undefined
  why: Why
  /** `tell`: it fails the step. `null`: in `outputs` the whole becomes null, and `missed` is called. */
  missing: 'tell' | 'warn' | 'null'
  missed?(): void
}

export interface Env {
  names: ReadonlyMap<string, Type>
  /** By path: a type narrower than the declared one; that it is there at all is part of it. */
  facts: ReadonlyMap<string, Type>
}

/** `a.b["c"]` as names; undefined where a part is computed. */
export function pathOf(node: Cel): string[] | undefined {
  if (node.op === 'id') return [String(node.args)]
  const member = memberOf(node)
  const inner = member && pathOf(member.object)
  if (!member || !inner) return undefined
  inner.push(member.key)
  return inner
}

export function keyOf(path: readonly string[]): string {
  return path.join('\u0000')
}

export function bind(env: Env, name: string, type: Type): Env {
  const names = new Map(env.names).set(name, type)
  const facts = new Map([...env.facts].filter(([key]) => key !== name && !key.startsWith(`${name}\u0000`)))
  return { names, facts }
}

export interface Member {
  type: Type
  /** Not there at all: of no member of a union. */
  unknown: boolean
  /** Not there in some cases: optional, or of something that may be null. */
  maybeMissing: boolean
  /** The same, but nobody said so. */
  unsaid: boolean
}

/** What `.name` of a value of that type gives. */
export function memberType(type: Type, name: string): Member {
  const found: Type[] = []
  let absent = 0
  let maybeMissing = false
  let unsaid = false
  const options = members(type).filter(({ t }) => t !== 'never')
  for (const one of options) {
    if (one.t === 'unknown') found.push(UNKNOWN)
    else if (one.t === 'map') {
      const declared = fieldOf(one, name)
      const field = declared?.type.t === 'never' ? undefined : declared
      // Known not to be there in this case of several.
      if (declared && !field) maybeMissing = true
      if (field?.unsaid) unsaid = true
      else if (field) maybeMissing ||= field.optional === true
      // Where some of the options have it, which one it is the data will tell.
      else if (!one.rest) absent++
      if (field || one.rest) found.push(field?.type ?? one.rest ?? UNKNOWN)
    } else {
      absent++
      maybeMissing = true
    }
  }
  const nothing = options.filter(({ t }) => t === 'null').length
  if (options.length > 0 && absent === options.length && nothing < options.length) return { type: UNKNOWN, unknown: true, maybeMissing: false, unsaid: false }
  return { type: found.length === 0 ? UNKNOWN : union(...found), unknown: false, maybeMissing, unsaid }
}

/** Of a path, by the facts and the declared types; never tells anything. */
export function typeAt(env: Env, path: readonly string[]): Type {
  const fact = env.facts.get(keyOf(path))
  if (fact) return fact
  const name = path.at(-1) ?? ''
  if (path.length <= 1) return env.names.get(name) ?? UNKNOWN
  const parent = typeAt(env, path.slice(0, -1))
  return memberType(parent.t === 'optional' ? parent.of : parent, name).type
}

/** From here on the path is there and of that type; maps around it that could not hold it are none of the options any more. */
export function learn(env: Env, path: readonly string[], type: Type): Env {
  const facts = new Map(env.facts)
  facts.set(keyOf(path), type)
  // In `compensate.with`, the outcome says whether there is an output.
  if (path.length === 1 && path[0] === 'outcome' && isLiteral(type) && type.v === 'completed') facts.set('output', without(typeAt(env, ['output']), 'null'))
  let inner = type
  for (let length = path.length - 1; length > 0; length--) {
    const around = path.slice(0, length)
    const there = typeAt(env, around)
    if (isUnknown(there) || there.t === 'map') break
    const name = path[length] ?? ''
    const kept = members(there).filter((one): one is MapType => one.t === 'map' && mayHold(one, name, inner))
    if (kept.length === 0) break
    inner = union(...kept)
    facts.set(keyOf(around), inner)
  }
  return { names: env.names, facts }
}

function mayHold(map: MapType, name: string, type: Type): boolean {
  const there = fieldOf(map, name)?.type ?? map.rest
  return there !== undefined && there.t !== 'never' && !areDisjoint(there, type)
}

/** No value is of both. Only what is certain: maps and lists are never looked into. */
export function areDisjoint(one: Type, other: Type): boolean {
  if (one.t === 'never' || other.t === 'never') return false
  return members(one).every((a) => members(other).every((b) => a.t !== 'unknown' && b.t !== 'unknown' && (a.t !== b.t || (isLiteral(a) && isLiteral(b) && a.v !== b.v))))
}

/** The part of a type that may equal a value of another. */
export function common(one: Type, other: Type): Type {
  if (isUnknown(one)) return other
  const kept = members(one).filter((member) => !areDisjoint(member, other))
  if (kept.length === 0) return NEVER
  return union(...kept.map((member) => (isLiteral(other) && member.t === other.t && !isLiteral(member) ? other : member)))
}

/** A type without one value. */
export function minus(type: Type, value: Type): Type {
  if (value.t === 'null') return without(type, 'null')
  if (!isLiteral(value)) return type
  return union(...members(type).flatMap((member): Type[] => {
    if (member.t === 'boolean' && value.t === 'boolean' && member.v === undefined) return [literal(!value.v)]
    return isLiteral(member) && member.t === value.t && member.v === value.v ? [] : [member]
  }))
}

