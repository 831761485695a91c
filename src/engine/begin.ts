/** A step's turn has come: its condition, and what its kind begins with. */
import { parseDuration } from '../model/duration.ts'
import type { Kind, Value } from '../model/definition.ts'
import { ExpressionError } from '../model/expression.ts'
import { unreachable, type ErrorInfo } from '../model/error.ts'
import type { Json } from '../model/json.ts'
import { LIMITS } from '../model/limits.ts'
import { schedule } from './attempts.ts'
import { badNeed, closeContainer, endRun, failStep, skip } from './ending.ts'
import { lastFrame, openFrame, openLists, stepAt } from './frame.ts'
import { asText, placeOf } from './inputs.ts'
import { isContainer, isForeach, type CompiledStep } from './layout.ts'
import { evaluate, evaluateCondition, expressionError, type Place } from './scope.ts'
import { emit, emitSettled, isEnding, stateOf, type Turn } from './turn.ts'
import { get, toArray } from './vector.ts'
import { beginApprove, beginWait } from './waits.ts'

/** Looks at a queued step number: begins the step, or goes on with the container, or finds that neither is due. */
export function consider(turn: Turn, step: CompiledStep): void {
  const state = stateOf(turn, step)
  if (isEnding(turn, step)) return
  try {
    if (state.status === 'running' && isContainer(step)) return goOn(turn, step)
    if (state.status !== 'pending' || state.unmet > 0 || turn.draft.paused || turn.draft.gate !== 0) return
    const bad = badNeed(turn, step)
    if (bad) return skip(turn, step, bad)
    const condition = step.step.if
    if (condition && !evaluateCondition(placeOf(turn, step), condition)) {
      return skip(turn, step, { code: 'if', reason: `if: ${condition.src} is false` })
    }
    if (isForeach(step)) openForeach(turn, step)
    else begin(turn, step)
  } catch (error) {
    failStep(turn, step, expressionError(error, step.path))
  }
}

function goOn(turn: Turn, step: CompiledStep): void {
  if (stateOf(turn, step).ending) return closeContainer(turn, step)
  if (isForeach(step)) return nextElements(turn, step)
  if (step.body) return nextIteration(turn, step)
  closeContainer(turn, step)
}

function begin(turn: Turn, step: CompiledStep): void {
  const { kind } = step.step
  const place = placeOf(turn, step)
  switch (kind.type) {
    case 'worker':
    case 'run':
    case 'http':
    case 'workflow':
      return schedule(turn, step)
    case 'set':
      return emitSettled(turn, step, { type: 'step.completed', path: step.path, output: evaluate(place, kind.values) })
    case 'sleep':
      return sleep(turn, step, dueAt(kind, place, turn.now))
    case 'wait':
      return beginWait(turn, step, kind)
    case 'approve':
      return beginApprove(turn, step, kind)
    case 'parallel':
      return open(turn, step)
    case 'switch': {
      const taken = kind.cases.findIndex(({ when }) => when === undefined || evaluateCondition(place, when))
      return open(turn, step, { branch: taken })
    }
    case 'steps':
      return open(turn, step)
    case 'return':
      return returnFrom(turn, step, evaluate(place, kind.value))
    case 'fail':
      return failStep(turn, step, failure(kind, place, step.path))
    default:
      unreachable(kind)
  }
}

function open(turn: Turn, step: CompiledStep, how: { branch?: number } = {}): void {
  emit(turn, { type: 'step.opened', path: step.path, ...how })
  const state = stateOf(turn, step)
  for (const list of openLists(state)) pushHeadsOf(turn, list.steps)
  if (state.open === 0) turn.ready.push(step.no)
}

function pushHeadsOf(turn: Turn, steps: readonly number[]): void {
  for (const no of steps) if (stepAt(turn.draft, no).needs.length === 0) turn.ready.push(no)
}

function openForeach(turn: Turn, step: CompiledStep): void {
  const { foreach } = step.step
  if (!foreach) return
  const items = evaluate(placeOf(turn, step), foreach.in)
  if (!Array.isArray(items)) throw new ExpressionError('foreach.in gave no list')
  if (items.length > LIMITS.foreachElements) {
    return failStep(turn, step, { code: 'LIMIT', message: `foreach over ${items.length} elements; ${LIMITS.foreachElements} is the limit`, retryable: false, step: step.path })
  }
  emit(turn, { type: 'step.opened', path: step.path, items })
  turn.ready.push(step.no)
}

/** Starts as many elements as may run at a time; closes the step when all have settled. */
function nextElements(turn: Turn, step: CompiledStep): void {
  const most = step.step.foreach?.maxParallel ?? 1
  for (;;) {
    const { each, frames, open: running } = stateOf(turn, step)
    if (!each) return
    const next = frames?.length ?? 0
    const stopped = each.failed > 0 && step.step.continueOnError !== true
    if (stopped || next >= each.items.length || turn.draft.paused) {
      if (running > 0 || (turn.draft.paused && next < each.items.length && !stopped)) return
      return closeForeach(turn, step, stopped)
    }
    if (running >= most) return
    startElement(turn, step, next)
    if (isEnding(turn, step) || stateOf(turn, step).status !== 'running') return
  }
}

/** The element's states come first; a fold makes them with the event that follows at once. */
function startElement(turn: Turn, step: CompiledStep, index: number): void {
  const element = stepAt(turn.draft, openFrame(turn.draft, step.no, index))
  try {
    begin(turn, element)
  } catch (error) {
    failStep(turn, element, expressionError(error, element.path))
  }
}

function closeForeach(turn: Turn, step: CompiledStep, stopped: boolean): void {
  const { each } = stateOf(turn, step)
  if (!each) return
  if (stopped && each.error) return failStep(turn, step, each.error)
  emitSettled(turn, step, { type: 'step.completed', path: step.path, output: toArray(each.outputs) })
}

function nextIteration(turn: Turn, step: CompiledStep): void {
  const { kind } = step.step
  const state = stateOf(turn, step)
  if (state.open > 0 || turn.draft.paused || kind.type !== 'steps' || !kind.loop) return
  const { while: before, until, max } = kind.loop
  const last = lastFrame(state)
  const done = state.frames?.length ?? 0
  const inside = last?.steps[0]
  const place: Place = { ...placeOf(turn, step), ...(inside === undefined ? {} : { inside: stepAt(turn.draft, inside) }) }
  const over = (done > 0 && until && evaluateCondition(place, until)) || (before && !evaluateCondition(place, before))
  if (over) return closeContainer(turn, step)
  if (done >= max) {
    return failStep(turn, step, { code: 'MAX_ITERATIONS', message: `not over after ${max} iterations (max_iterations)`, retryable: false, step: step.path })
  }
  emit(turn, { type: 'step.iterated', path: step.path, index: done })
  const now = stateOf(turn, step)
  pushHeadsOf(turn, lastFrame(now)?.steps ?? [])
  if (now.open === 0) turn.ready.push(step.no)
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

/** After a pause or for a new generation: everything that could begin or go on is looked at again. */
export function pushAll(turn: Turn): void {
  const { steps } = turn.draft
  for (let no = 0; no < steps.length; no++) {
    const { status, unmet, step } = get(steps, no)
    if ((status === 'pending' && unmet === 0 && isAtWork(turn, step)) || (status === 'running' && isContainer(step))) turn.ready.push(no)
  }
}

/** True where the list that the step stands in is at work: not in a container that is not open, nor in a case not taken. */
function isAtWork(turn: Turn, step: CompiledStep): boolean {
  if (step.parent < 0) return true
  const around = get(turn.draft.steps, step.parent)
  if (around.status !== 'running' || step.element >= 0) return around.status === 'running'
  return openLists(around).some((list) => list.steps.includes(step.no))
}
