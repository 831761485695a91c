/** What may have become of a step when another one reads it, and why. */
import type { Check, ListRecord, StepRecord, Use } from '../check-context.ts'
import type { Cel } from '../cel-ast.ts'
import type { Outcomes } from './steps.ts'
import type { Type } from './type.ts'
import { ancestors } from '../visibility.ts'

export interface Outcome extends Outcomes {
  /** In words, where it may not have completed. */
  reason?: string
  help?: string
}

export interface Condition {
  ast: Cel
  src: string
  truth: boolean
  /** The step's own; else that of the case it stands in. */
  own: boolean
}

/** Where expressions stand that the same conditions hold for. */
export interface Place {
  reader: StepRecord | undefined
  /** How conditions have gone when the place is reached: the step's own, and those of the case that it stands in. */
  conditions: readonly Condition[]
  /** The same for the container around the step. */
  around: Place | undefined
  /** The parts of all of these conditions, by source. */
  known: ReadonlySet<string>
  outcomes: Map<StepRecord, Outcome>
  /** What the conditions have shown, once that has been asked. */
  facts?: ReadonlyMap<string, Type>
}

export interface Places {
  check: Check
  places: Map<string, Place>
}

/** Whether a step runs is decided before anything else of it is looked at; so its `if` is a place of its own. */
export function placeOf(places: Places, use: Use): Place {
  const { record } = use.where
  return record ? placeAt(places, record, record.step?.if === use.expression) : outside()
}

/** After all steps, with nothing known of their conditions. */
export function outside(): Place {
  return { reader: undefined, conditions: [], around: undefined, known: new Set(), outcomes: new Map() }
}

function placeAt(places: Places, record: StepRecord, isIf: boolean): Place {
  const key = `${isIf ? 'if' : 'in'} ${record.list.section} ${record.path}`
  const there = places.places.get(key)
  if (there) return there
  const { parent } = record.list
  const around = parent && placeAt(places, parent, false)
  const own = isIf ? undefined : record.step?.if
  const conditions = [...caseOf(record.list), ...(own ? [{ src: own.src, truth: true, own: true }] : [])].map((one) => ({ ...one, ast: places.check.expressions.compile(one.src).ast }))
  const known = new Set([...(around?.known ?? []), ...conditions.flatMap(({ ast, truth }) => (truth ? conjuncts(ast) : []))])
  const place: Place = { reader: record, conditions, around, known, outcomes: new Map() }
  places.places.set(key, place)
  return place
}

/** A case is taken where its expression is true and those before it were false. */
function caseOf(list: ListRecord): Array<Omit<Condition, 'ast'>> {
  const kind = list.parent?.step?.kind
  const at = list.parent?.branches.indexOf(list) ?? -1
  if (kind?.type !== 'switch' || at < 0) return []
  return kind.cases.slice(0, at + 1).flatMap(({ when }, i) => (when ? [{ src: when.src, truth: i === at, own: false }] : []))
}

export function outcomeOf(check: Check, place: Place, target: StepRecord): Outcome {
  const there = place.outcomes.get(target) ?? findOutcome(check, place, target)
  place.outcomes.set(target, there)
  return there
}

function findOutcome(check: Check, { reader, known }: Place, target: StepRecord): Outcome {
  const outcome: Outcome = { skipped: false, failed: false, open: false }
  if (reader && reader.list.section !== target.list.section) return { ...outcome, open: true, reason: `"${target.id}" may not have completed when \`${reader.list.section}\` runs` }
  const around = new Set(reader ? ancestors(reader) : [])
  const lists = new Set([...around].map(({ list }) => list))
  for (const one of ancestors(target)) {
    if (around.has(one)) break
    const { step } = one
    if (!step) continue
    const what = one === target ? `"${one.id}"` : `"${one.id}" around it`
    if (step.if && !isImplied(check, step.if.src, known)) {
      outcome.skipped = true
      outcome.reason ??= `${what} is skipped where its \`if\` is false`
      outcome.help ??= `Give this step the same condition (if: ${step.if.src.length > 60 ? '…' : step.if.src})`
    }
    const { parent } = one.list
    if (parent?.step?.kind.type === 'switch' && !lists.has(one.list) && !around.has(parent)) {
      outcome.skipped = true
      outcome.reason ??= `it stands in a case of "${parent.id}" that may not be taken`
    }
    // A foreach goes on with null in the place of what failed.
    if (step.continueOnError && one.repeats !== 'foreach') {
      if (one === target) outcome.failed = true
      else outcome.open = true
      outcome.reason ??= `${what} may fail and the run goes on (\`continue_on_error\`)`
      outcome.help ??= `Ask first: if: steps.${target.id}.status == 'completed'`
    }
  }
  return outcome
}

/** The parts of a condition that are all true where it is, by their source. */
function conjuncts(ast: Cel): string[] {
  return ast.op === '&&' ? [...conjuncts(ast.left), ...conjuncts(ast.right)] : [ast.input.slice(ast.start, ast.end).replaceAll(/\s+/g, ' ')]
}

/** What the reader's own conditions say too, of data that does not change between them. */
function isImplied(check: Check, src: string, known: ReadonlySet<string>): boolean {
  if (known.size === 0) return false
  const { ast, names } = check.expressions.compile(src)
  return [...names].every((name) => name === 'inputs' || name === 'steps' || name === 'env' || name === 'run') && conjuncts(ast).every((part) => known.has(part))
}
