/** A step's turn has come: its condition, and what its kind begins with. */
import { parseDuration } from '../model/duration.ts'
import type { Kind, Value } from '../model/definition.ts'
import { ExpressionError } from '../model/expression.ts'
import { unreachable, type ErrorInfo } from '../model/error.ts'
import type { Json } from '../model/json.ts'
import { listAt, type CompiledStep } from './compile.ts'
import { asText, schedule } from './attempts.ts'
import { badNeed, closeContainer, endRun, failStep, skip } from './ending.ts'
import { evaluate, evaluateCondition, expressionError, type Place } from './scope.ts'
import { emit, emitSettled, isEnding, stateOf, type Turn } from './turn.ts'

/** Looks at a queued step number: begins the step, or closes the container, or finds that neither is due. */
export function consider(turn: Turn, step: CompiledStep): void {
  const state = stateOf(turn, step)
  if (isEnding(turn, step)) return
  if (state.status === 'running' && step.step.kind.type === 'parallel') return closeContainer(turn, step)
  if (state.status !== 'pending' || state.unmet > 0) return
  const bad = badNeed(turn, step)
  if (bad) return skip(turn, step, bad)
  try {
    const condition = step.step.if
    if (condition && !evaluateCondition(placeOf(turn, step), condition)) {
      return skip(turn, step, { code: 'if', reason: `if: ${condition.src} is false` })
    }
    begin(turn, step)
  } catch (error) {
    failStep(turn, step, expressionError(error, step.path))
  }
}

function placeOf(turn: Turn, step: CompiledStep): Place {
  return { compiled: turn.compiled, run: turn.draft, step }
}

function begin(turn: Turn, step: CompiledStep): void {
  const { kind } = step.step
  const place = placeOf(turn, step)
  switch (kind.type) {
    case 'worker':
    case 'run':
      return schedule(turn, step)
    case 'set':
      return emitSettled(turn, step, { type: 'step.completed', path: step.path, output: evaluate(place, kind.values) })
    case 'sleep':
      return sleep(turn, step, dueAt(kind, place, turn.now))
    case 'parallel':
      emit(turn, { type: 'step.opened', path: step.path })
      for (const branch of step.branches) {
        for (const no of listAt(turn.compiled, branch).steps) if (turn.compiled.steps[no]?.needs.length === 0) turn.ready.push(no)
      }
      if (stateOf(turn, step).open === 0) turn.ready.push(step.no)
      return
    case 'return':
      return returnFrom(turn, step, evaluate(place, kind.value))
    case 'fail':
      return failStep(turn, step, failure(kind, place, step.path))
    default:
      unreachable(kind)
  }
}

function returnFrom(turn: Turn, step: CompiledStep, output: Json): void {
  if (step.section !== 'steps') throw new ExpressionError(`return stands only among \`steps\`, not in ${step.section}`)
  emitSettled(turn, step, { type: 'step.completed', path: step.path, output })
  endRun(turn, 'returned', { output, path: step.path })
}

function failure(kind: Extract<Kind, { type: 'fail' }>, place: Place, path: string): ErrorInfo {
  const text = (value: Value) => asText(evaluate(place, value))
  return {
    code: kind.code ? text(kind.code) : 'FAILED', message: text(kind.message), retryable: false, step: path,
    ...(kind.details ? { details: evaluate(place, kind.details) } : {}),
  }
}

function sleep(turn: Turn, step: CompiledStep, due: number): void {
  if (due > turn.now) return emit(turn, { type: 'step.sleeping', path: step.path, dueAt: due })
  emitSettled(turn, step, { type: 'step.completed', path: step.path, output: null })
}

function dueAt(kind: Extract<Kind, { type: 'sleep' }>, place: Place, now: number): number {
  if (kind.until) {
    const text = asText(evaluate(place, kind.until))
    const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i.test(text) ? Date.parse(text) : Number.NaN
    if (Number.isNaN(time)) throw new ExpressionError(`sleep until ${JSON.stringify(text).slice(0, 60)}: not an RFC 3339 time with a zone`)
    return time
  }
  const text = kind.for ? asText(evaluate(place, kind.for)) : ''
  const ms = parseDuration(text)
  if (ms === undefined) throw new ExpressionError(`sleep ${JSON.stringify(text).slice(0, 60)}: not a duration such as 30s or 1h30m`)
  return now + ms
}
