/** The names that an expression may read where it stands, with their types and with what the conditions around it have shown. */
import type { StepRecord, Use } from '../check-context.ts'
import { isAtEnd } from '../check-names.ts'
import { nearestName } from '../check-context.ts'
import type { CheckedExpression } from '../expression.ts'
import { typeOfContext } from './context-type.ts'
import type { Env, Reading } from './infer-scope.ts'
import { stepTypeFor, type Model } from './model.ts'
import { narrow } from './narrow.ts'
import { outcomeOf, placeOf, type Place } from './outcomes.ts'
import { ERROR, RUN, RUN_AT_END } from './steps.ts'
import { ANY_MAP, literal, nullable, union, UNKNOWN, type Field, type Type } from './type.ts'

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
  const { condition, around } = place
  if (place.facts) return place.facts
  // A container's context is another one than that of the steps in it.
  const known = around ? [...factsOf(model, use, around)].filter(([key]) => key !== 'context' && !key.startsWith('context\u0000')) : []
  let env: Env = { names: new Map(), facts: new Map(known) }
  if (condition) {
    const names = namesFor(model, use, place, model.check.expressions.compile(condition.src))
    env = narrow(condition.ast, true, { names, facts: env.facts })
  }
  place.facts = env.facts
  return env.facts
}

function namesFor(model: Model, use: Use, place: Place, read: CheckedExpression): Map<string, Type> {
  const { where } = use
  const names = new Map<string, Type>([['inputs', model.inputs], ['env', model.env], ['run', isAtEnd(where) ? RUN_AT_END : RUN]])
  if (read.stepIds.length > 0) names.set('steps', stepsType(model, place, read.stepIds))
  if (where.record && read.names.has('context')) names.set('context', contextType(model, where.record))
  for (const [name, type] of extraTypes(model, use)) names.set(name, type)
  return names
}

function stepsType(model: Model, place: Place, ids: readonly string[]): Type {
  const fields = ids.flatMap((id): Array<[string, Field]> => {
    const target = model.check.ids.get(id)
    return target ? [[id, { type: stepTypeFor(model, target, outcomeOf(model.check, place, target)) }]] : []
  })
  return { t: 'map', fields: Object.fromEntries(fields), rest: UNKNOWN }
}

export function contextType(model: Model, record: StepRecord): Type {
  const context = model.before.get(record)
  return context ? typeOfContext(context) : ANY_MAP
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

function whyMissing(model: Model, use: Use, [root, name = '', member, sign, value]: readonly string[]): { reason: string; help?: string } | undefined {
  const { check } = model
  if (root === 'inputs' && name !== '' && member === undefined) return { reason: 'the input is optional' }
  if (use.where.in === 'undo' && root === 'output') return { reason: 'the outcome of a step that timed out or whose process died is not known', help: 'Ask first: outcome == \'completed\'' }
  const target = root === 'steps' ? check.ids.get(name) : undefined
  if (!target) return undefined
  if (member === 'status' && sign === '==' && value === 'failed') return { reason: '', help: `A failure of "${name}" ends the run before this step, unless "${name}" has continue_on_error: true.` }
  const { reason, help } = outcomeOf(check, placeOf(model, use), target)
  return reason === undefined || member !== 'output' || sign !== undefined ? undefined : { reason, ...(help === undefined ? {} : { help }) }
}
