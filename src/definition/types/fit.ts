/** Whether a value of one type fits where another is wanted; where not, what does not and where. */
import { asData, choice, describeType, fieldOf, isLiteral, members, type MapType, type Type } from './type.ts'

export type MisfitKind = 'missing' | 'unknown' | 'type' | 'null'

export interface Misfit {
  kind: MisfitKind
  /** Names, and `[]` for the items of a list. */
  path: readonly string[]
  found: Type
  wanted: Type
  /** Names that there are, for a near miss of the last name of the path. */
  names?: readonly string[]
  /** It is there at times. */
  maybe?: true
}

/**
 * `whole`: every value of the type must fit, except that what is wide may hold a literal that is wanted. `part`: it is enough that some value may
 * fit, so what is said is sure.
 */
export type Fit = 'whole' | 'part'

const MAX_DEPTH = 10
const BUDGET = 20_000

interface Work {
  fit: Fit
  left: number
}

export function misfitOf(found: Type, wanted: Type, fit: Fit): Misfit | undefined {
  return compare({ fit, left: BUDGET }, asData(found), wanted, [])
}

const MAX_MISFITS = 20

/** The same for each member of a map on its own, so that all is told at once. */
export function misfitsOf(found: Type, wanted: Type, fit: Fit): Misfit[] {
  if (found.t !== 'map' || wanted.t !== 'map') {
    const misfit = misfitOf(found, wanted, fit)
    return misfit ? [misfit] : []
  }
  const work: Work = { fit, left: BUDGET }
  const misfits = [...Object.keys(wanted.fields).map((name) => neededMisfit(work, found, wanted, name, [])), ...Object.keys(found.fields).map((name) => extraMisfit(work, found, wanted, name, []))]
  return misfits.filter((misfit) => misfit !== undefined).slice(0, MAX_MISFITS)
}

function compare(work: Work, found: Type, wanted: Type, path: readonly string[]): Misfit | undefined {
  if (found.t === 'unknown' || wanted.t === 'unknown' || found.t === 'never' || path.length > MAX_DEPTH || --work.left < 0) return undefined
  if (found.t === 'union') {
    const misfits = found.of.map((member) => compare(work, member, wanted, path))
    const bad = misfits.filter((misfit) => misfit !== undefined)
    if (work.fit === 'part' ? bad.length < found.of.length : bad.length === 0) return undefined
    const nothing = bad.find(({ kind, path: at }) => kind === 'null' && at.length === path.length)
    const first = bad.length < found.of.length ? (nothing ?? bad[0]) : bad[0]
    if (!first) return undefined
    return first.path.length === path.length && first.kind === 'type' ? { ...first, found } : { ...first, ...(bad.length < found.of.length && first.kind === 'null' ? { maybe: true as const } : {}) }
  }
  return wanted.t === 'union' ? compareWithChoice(work, found, wanted.of, path, wanted) : compareOne(work, found, wanted, path)
}

function compareWithChoice(work: Work, found: Type, choices: readonly Type[], path: readonly string[], wanted: Type): Misfit | undefined {
  const misfits: Misfit[] = []
  for (const one of choices) {
    const misfit = compare(work, found, one, path)
    if (!misfit) return undefined
    if (one.t === found.t) misfits.push(misfit)
  }
  const [only] = misfits
  // One candidate of the same kind was meant: what is wrong in it says more than that none fits.
  if (misfits.length === 1 && only && only.path.length > path.length) return only
  return { kind: found.t === 'null' ? 'null' : 'type', path, found, wanted }
}

function compareOne(work: Work, found: Type, wanted: Type, path: readonly string[]): Misfit | undefined {
  if (found.t !== wanted.t) return { kind: found.t === 'null' ? 'null' : 'type', path, found, wanted }
  if (found.t === 'map' && wanted.t === 'map') return compareMaps(work, found, wanted, path)
  if (found.t === 'list' && wanted.t === 'list') {
    // An empty list fits all lists.
    return work.fit === 'part' ? undefined : compare(work, found.of, wanted.of, [...path, '[]'])
  }
  return isLiteral(found) && isLiteral(wanted) && found.v !== wanted.v ? { kind: 'type', path, found, wanted } : undefined
}

function compareMaps(work: Work, found: MapType, wanted: MapType, path: readonly string[]): Misfit | undefined {
  for (const name of Object.keys(wanted.fields)) {
    const misfit = neededMisfit(work, found, wanted, name, path)
    if (misfit) return misfit
  }
  for (const name of Object.keys(found.fields)) {
    const misfit = extraMisfit(work, found, wanted, name, path)
    if (misfit) return misfit
  }
  return undefined
}

/** Of a name that is wanted. */
function neededMisfit(work: Work, found: MapType, wanted: MapType, name: string, path: readonly string[]): Misfit | undefined {
  const at = [...path, name]
  const there = fieldOf(found, name)
  const field = fieldOf(wanted, name)
  if (!field) return undefined
  if (!there) return field.optional || found.rest ? undefined : { kind: 'missing', path: at, found, wanted: field.type, names: Object.keys(found.fields).filter((one) => !fieldOf(wanted, one)) }
  if (there.optional && work.fit === 'part') return undefined
  if (there.optional && !there.unsaid && !field.optional) return { kind: 'missing', path: at, found: there.type, wanted: field.type, maybe: true }
  return compare(work, there.type, field.type, at)
}

/** Of a name that is there without being wanted. */
function extraMisfit(work: Work, found: MapType, wanted: MapType, name: string, path: readonly string[]): Misfit | undefined {
  const field = fieldOf(found, name)
  if (!field || fieldOf(wanted, name) || work.fit === 'part') return undefined
  const at = [...path, name]
  if (wanted.rest) return compare(work, field.type, wanted.rest, at)
  return found.fresh ? { kind: 'unknown', path: at, found: field.type, wanted, names: Object.keys(wanted.fields) } : undefined
}

/** The literals that a type is made of, where it is made of nothing else. */
export function literalsOf(type: Type): Array<string | number | boolean> | undefined {
  const found = members(type).filter(({ t }) => t !== 'null')
  return found.length > 0 && found.every(isLiteral) ? found.map((one) => (isLiteral(one) ? one.v : '')) : undefined
}

export function wantedText(wanted: Type): string {
  const literals = literalsOf(wanted)
  return literals ? choice(literals.map((one) => JSON.stringify(one))) : describeType(wanted)
}
