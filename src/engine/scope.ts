/** The names an expression may read, with only those values gathered that it does read. */
import { evaluateValue, valueRefs } from '../definition/value.ts'
import type { Expression, Value } from '../model/definition.ts'
import { ExpressionError, type Scope } from '../model/expression.ts'
import type { ErrorInfo } from '../model/error.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { SecretUse } from '../model/command.ts'
import { toJson } from './context.ts'
import { contextOf } from './contexts.ts'
import type { Compiled, CompiledStep } from './compile.ts'
import { findById, stepAt } from './frame.ts'
import { SETTLED, type Run, type StepState } from './run.ts'
import { get } from './vector.ts'

export interface Names {
  names: ReadonlySet<string>
  stepIds: readonly string[]
}

export interface Place {
  compiled: Compiled
  run: Run
  /** The step whose expression it is; absent for `outputs` and `env`. */
  step?: CompiledStep
  /** `output`, `error`, `outcome` where the language allows them. */
  extra?: { readonly [name: string]: Json }
  /** `while` and `until` see the latest iteration: a step of it. */
  inside?: CompiledStep | undefined
  /** Collects where secrets stand; without it none may. */
  secrets?: SecretUse[]
}

export function evaluate(place: Place, value: Value, onMissing?: (reference: string) => void): Json {
  if (value.t === 'lit') return value.v
  const refs = valueRefs(value, place.compiled.expressions)
  return evaluateValue(value, scopeOf(place, refs), place.compiled.expressions, {
    ...(onMissing ? { missingAsNull: onMissing } : {}), ...(place.secrets ? { secrets: place.secrets } : {}),
  })
}

/** Throws where the result is not a boolean. */
export function evaluateCondition(place: Place, expression: Expression): boolean {
  const result = evaluate(place, expression)
  if (typeof result === 'boolean') return result
  throw new ExpressionError(`\`${expression.src}\` gave ${describe(result)} where true or false belongs`)
}

function scopeOf(place: Place, refs: Names): Scope {
  const { run } = place
  const scope: { [name: string]: Json | undefined } = Object.create(null)
  for (const name of refs.names) {
    const value = place.extra?.[name] ?? rootValue(place, name, refs)
    if (value !== undefined) scope[name] = value
    else if (name === 'error') scope[name] = errorJson(run.error)
  }
  return scope
}

function rootValue(place: Place, name: string, refs: Names): Json | undefined {
  const { run, compiled } = place
  switch (name) {
    case 'inputs':
      return run.input
    case 'env':
      return run.env
    case 'context':
      return place.step ? toJson(get(run.steps, place.step.no).context ?? contextOf(compiled, run, place.step)) : run.input
    case 'steps':
      return stepsJson(place, refs.stepIds)
    case 'run':
      return {
        id: run.id, workflow: run.workflow, started_at: new Date(run.startedAt).toISOString(), state: endingState(run),
      }
    case 'error':
      return place.extra ? null : errorJson(run.error)
    case 'output':
    case 'outcome':
      return null
    default:
      return elementValue(place, name)
  }
}

/** An `as` name, or `index`: those of the nearest foreach or loop around the step. */
function elementValue({ run, step, inside }: Place, name: string): Json | undefined {
  for (let place = inside ?? step; place; place = place.parent < 0 ? undefined : stepAt(run, place.parent)) {
    if (place.element < 0 || place.parent < 0) continue
    const around = get(run.steps, place.parent)
    if (name === 'index') return place.element
    if (around.each && around.step.step.foreach?.as === name) return around.each.items[place.element] ?? null
  }
  return undefined
}

function stepsJson(place: Place, ids: readonly string[]): JsonObject {
  const steps = Object.create(null) as { [id: string]: Json }
  for (const id of ids) {
    const state = findById(place.compiled, place.run, place.inside ?? place.step, id)
    if (state) steps[id] = stepJson(place.run, state)
  }
  return steps
}

function stepJson(run: Run, state: StepState): JsonObject {
  return {
    output: state.output ?? null, status: statusOf(run, state), error: errorJson(state.error), attempts: state.attempt,
  }
}

/** A step inside a container that was skipped, or in a case that was not taken, never gets events of its own. */
function statusOf(run: Run, { status, step }: StepState): string {
  if (status !== 'pending') return status
  for (let no = step.parent; no >= 0; no = stepAt(run, no).parent) if (SETTLED.has(get(run.steps, no).status)) return 'skipped'
  return status
}

export function errorJson(error: ErrorInfo | undefined): Json {
  if (!error) return null
  const { code, message, retryable, details, step, attempt } = error
  return {
    code, message, retryable, details: details ?? null, ...(step === undefined ? {} : { step }), ...(attempt === undefined ? {} : { attempt }),
  }
}

/** What the run will have been, for on_failure and finally; `running` before it is decided. */
function endingState(run: Run): string {
  if (run.undoFailed > 0) return 'compensation_failed'
  if (run.cause === 'failed' && run.undone > 0) return 'compensated'
  if (run.cause === 'returned' || run.cause === 'completed') return 'completed'
  return run.cause ?? 'running'
}

function describe(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a map' : `the ${typeof value} ${JSON.stringify(value).slice(0, 60)}`
}

/** The recorded failure of an expression: never retryable. */
export function expressionError(error: unknown, path: string): ErrorInfo {
  if (error instanceof ExpressionError) return { code: 'EXPRESSION', message: error.message, retryable: false, step: path }
  throw error
}
