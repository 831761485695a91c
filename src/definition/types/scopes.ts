/** The names that an expression may read where it stands, with their types and with what the conditions around it have shown. */
import type { StepRecord, Use } from '../check-context.ts'
import { isAtEnd } from '../check-names.ts'
import { nearestName } from '../check-context.ts'
import type { CheckedExpression } from '../expression.ts'
import { ancestors, repeatedAround } from '../visibility.ts'
import { typeOfContext, withKey } from './context-type.ts'
import type { Env, Reading, Reason } from './infer-scope.ts'
import { stepTypeFor, type Model } from './model.ts'
import { narrow } from './narrow.ts'
import { outcomeOf, placeOf, type Place } from './outcomes.ts'
import { ERROR, RUN, RUN_AT_END } from './steps.ts'
import { ANY_MAP, literal, nullable, NUMBER, union, UNKNOWN, type Field, type Type } from './type.ts'

export function envFor(model: Model, use: Use): Env {
  const { check } = model
  const { where } = use
  const place = placeOf(model, use)
  const compiled = check.expressions.compile(use.expression.src)
  const env: Env = { names: namesFor(model, use, place, compiled), facts: factsOf(model, use, place) }
  const failIf = where.record?.step?.failIf
  const saysWhy = where.in === 'fail' && failIf !== undefined && use.expression !== failIf
  return saysWhy ? narrow(check.expressions.compile(failIf.src).ast, true, env) : env
}

/** What the conditions around a place have shown, from the outside in. */
function factsOf(model: Model, use: Use, place: Place): ReadonlyMap<string, Type> {
  const { conditions, around } = place
  if (place.facts) return place.facts
  // A container's context is another one than that of the steps in it.
  const known = around ? [...factsOf(model, use, around)].filter(([key]) => key !== 'context' && !key.startsWith('context\u0000')) : []
  let env: Env = { names: new Map(), facts: new Map(known) }
  for (const { ast, src, truth, own } of conditions) {
    const compiled = model.check.expressions.compile(src)
    if (!own && compiled.names.has('context')) continue
    const names = namesFor(model, use, place, compiled)
    env = narrow(ast, truth, { names, facts: env.facts })
  }
  place.facts = env.facts
  return env.facts
}

function namesFor(model: Model, use: Use, place: Place, read: CheckedExpression): Map<string, Type> {
  const { where } = use
  const names = new Map<string, Type>([['inputs', model.inputs], ['env', model.env], ['run', runType(where)], ...elementTypes(model, where)])
  if (read.stepIds.length > 0) names.set('steps', stepsType(model, use, place, read.stepIds))
  if (where.record && read.names.has('context')) names.set('context', contextType(model, where.record, where.in !== 'once'))
  for (const [name, type] of extraTypes(model, use)) names.set(name, type)
  return names
}

function stepsType(model: Model, use: Use, place: Place, ids: readonly string[]): Type {
  const fields = ids.flatMap((id): Array<[string, Field]> => {
    const target = model.check.ids.get(id)
    if (!target) return []
    const type = stepTypeFor(model, target, outcomeOf(model.check, place, target))
    return [[id, isBeforeFirst(use, target) ? { type, optional: true } : { type }]]
  })
  return { t: 'map', fields: Object.fromEntries(fields), rest: UNKNOWN }
}

function runType({ record }: Use['where']): Type {
  const section = record?.list.section
  return section === 'on_failure' || section === 'finally' ? RUN_AT_END[section] : RUN
}

/** `while` is asked before the first iteration, too: then nothing of the loop has run. */
function isBeforeFirst({ expression, where: { record } }: Use, target: StepRecord): boolean {
  const kind = record?.step?.kind
  return kind?.type === 'steps' && kind.loop?.while === expression && repeatedAround(target) === record
}

/** What a step sees; `isElement`: one element of it, where it has a foreach. */
export function contextType(model: Model, record: StepRecord, isElement = true): Type {
  const context = model.before.get(record)
  if (!context) return ANY_MAP
  const element = isElement && record.as !== undefined ? model.elements.get(record) : undefined
  return typeOfContext(element ? withKey(context, record.as ?? '', element) : context)
}

/** `index`, and the elements of the foreach around, the nearest last. */
function elementTypes(model: Model, { record, in: place }: Use['where']): Array<[string, Type]> {
  if (!record) return []
  const around = ancestors(record).filter((one) => one.repeats && (one !== record || (one.repeats === 'foreach' ? place !== 'once' : place === 'loop')))
  const elements = around.toReversed().flatMap((one): Array<[string, Type]> => (one.as === undefined ? [] : [[one.as, model.elements.get(one) ?? UNKNOWN]]))
  return around.length === 0 ? [] : [['index', NUMBER], ...elements]
}

function extraTypes(model: Model, { where }: Use): Array<[string, Type]> {
  const { record } = where
  const returned = (record && model.returned.get(record)) ?? UNKNOWN
  const isLate = record !== undefined && isAtEnd(where)
  const error: Array<[string, Type]> = isLate ? [['error', record.list.section === 'finally' ? nullable(ERROR) : ERROR]] : []
  switch (where.in) {
    case 'fail':
      return [...error, ['output', returned]]
    case 'undo':
      return [['output', nullable(returned)], ['error', nullable(ERROR)], ['outcome', union(literal('completed'), literal('unknown'))]]
    default:
      return error
  }
}

export function readingFor(model: Model, use: Use, { tell, missed }: Pick<Reading, 'tell'> & { missed(): void }): Reading {
  const { check } = model
  return {
    tell, missed, near: (typed, names) => nearestName(check, typed, names),
    missing: use.where.in === 'outputs' ? 'null' : use.where.in === 'undo' ? 'warn' : 'tell',
    why: (path) => whyMissing(model, use, path),
  }
}

function whyMissing(model: Model, use: Use, [root, name = '', member, sign, value]: readonly string[]): Reason | undefined {
  const { check } = model
  if (root === 'inputs' && name !== '' && member === undefined) return { reason: 'the input is optional' }
  if (use.where.in === 'undo' && root === 'output') return { reason: 'the outcome of a step that timed out or whose process died is not known', help: 'Ask first: outcome == \'completed\'' }
  const target = root === 'steps' ? check.ids.get(name) : undefined
  if (!target) return undefined
  if (member === undefined) return { reason: 'before the first iteration it has not run', help: `Ask first: !has(steps.${name}) || …`, only: true }
  if (member === 'status' && sign === '==' && value === 'failed') return { reason: '', help: `A failure of "${name}" ends the run before this step, unless "${name}" has continue_on_error: true.` }
  const { reason, help } = outcomeOf(check, placeOf(model, use), target)
  return reason === undefined || member !== 'output' || sign !== undefined ? undefined : { reason, ...(help === undefined ? {} : { help }) }
}
