/** Failures and what they end: a step for good, a container with its branches, a section, the run. */
import { GRACE_MS } from '../model/definition.ts'
import type { ErrorInfo } from '../model/error.ts'
import type { EndingCause, SkipCode } from '../model/event.ts'
import type { Json } from '../model/json.ts'
import { listAt, stepAt, type Compiled, type CompiledList, type CompiledStep } from './compile.ts'
import { SETTLED, type Run } from './run.ts'
import { emit, emitSettled, isEnding, stateOf, type Turn } from './turn.ts'
import { get } from './vector.ts'

/** The step has failed for good. What that ends depends on where it stands and on continue_on_error. */
export function failStep(turn: Turn, step: CompiledStep, error: ErrorInfo, how: { unknown?: boolean; startedAt?: number } = {}): void {
  const ending = stateOf(turn, step).aborting || isEnding(turn, step)
  const continued = !ending && step.step.continueOnError === true
  const known = error.step === undefined ? { ...error, step: step.path } : error
  emitSettled(turn, step, {
    type: 'step.failed', path: step.path, error: known, ...(how.unknown ? { unknown: true } : {}), ...(continued ? { continued } : {}),
    ...(how.startedAt === undefined ? {} : { startedAt: how.startedAt }),
  })
  if (ending) return
  if (continued) {
    return emit(turn, { type: 'run.warning', code: 'CONTINUED', message: `${step.path} failed and the run went on: ${known.message}`, path: step.path })
  }
  if (step.parent >= 0) return endContainer(turn, stepAt(turn.compiled, step.parent), known)
  if (step.section === 'steps') return endRun(turn, 'failed', { error: known, path: step.path })
  emit(turn, { type: 'run.warning', code: 'SECTION_FAILED', message: `${step.path} of ${step.section} failed: ${known.message}`, path: step.path })
  const [from, to] = rangeOf(turn.compiled, listAt(turn.compiled, turn.compiled.sections[step.section]))
  sweep(turn, from, to)
  if (turn.draft.live > 0) emit(turn, { type: 'run.grace', until: turn.now + GRACE_MS })
}

/** A failure inside a container aborts everything in it; once that has settled the container fails with it. */
export function endContainer(turn: Turn, container: CompiledStep, error: ErrorInfo): void {
  const state = stateOf(turn, container)
  if (state.status !== 'running' || state.ending) return
  emit(turn, { type: 'step.ending', path: container.path, error })
  sweep(turn, container.no + 1, container.end)
  if (stateOf(turn, container).live > 0) emit(turn, { type: 'run.grace', path: container.path, until: turn.now + GRACE_MS })
  else turn.ready.push(container.no)
}

/** Everything inside the container has settled, or it is ending and nothing in it is in flight. */
export function closeContainer(turn: Turn, container: CompiledStep): void {
  const state = stateOf(turn, container)
  if (state.ending) {
    if (state.live > 0) return
    closeOut(turn, container.no + 1, container.end)
    return failStep(turn, container, state.ending)
  }
  if (state.open > 0) return
  const output: { [branch: string]: Json } = Object.create(null)
  for (const no of container.branches) {
    const list = listAt(turn.compiled, no)
    output[list.name] = lastOutput(turn.draft, list)
  }
  emitSettled(turn, container, { type: 'step.completed', path: container.path, output })
}

function lastOutput(run: Run, list: CompiledList): Json {
  for (let i = list.steps.length - 1; i >= 0; i--) {
    const state = get(run.steps, list.steps[i] ?? -1)
    if (state.status === 'completed') return state.output ?? null
  }
  return null
}

/** Begins the run's end: nothing new starts, what is in flight gets its abort signal and its grace. Once only. */
export function endRun(turn: Turn, cause: EndingCause, why: { error?: ErrorInfo; path?: string; output?: Json } = {}): void {
  if (turn.draft.phase !== 'main') return
  emit(turn, { type: 'run.ending', cause, ...why })
  if (cause === 'completed') return
  const [from, to] = rangeOf(turn.compiled, listAt(turn.compiled, turn.compiled.sections.steps))
  sweep(turn, from, to)
  if (turn.draft.live > 0) emit(turn, { type: 'run.grace', until: turn.now + GRACE_MS })
}

/** First step of a list and one past the last step in it, containers' contents included. */
export function rangeOf(compiled: Compiled, list: CompiledList): [number, number] {
  const first = list.steps[0]
  const last = list.steps.at(-1)
  return first === undefined || last === undefined ? [0, 0] : [first, stepAt(compiled, last).end]
}

/** Settles what has not begun or only waits, and aborts what is in flight. Containers stay open until `closeOut`. */
export function sweep(turn: Turn, from: number, to: number): void {
  for (let no = from; no < to; no++) {
    const step = stepAt(turn.compiled, no)
    const state = stateOf(turn, step)
    if (state.status === 'pending') skip(turn, step, whyNot(turn, step))
    else if (state.status === 'retrying' || state.status === 'sleeping') cancel(turn, step, false)
    else if ((state.status === 'queued' || state.status === 'running') && step.branches.length === 0 && !isContainer(step)) abort(turn, step)
  }
}

function isContainer(step: CompiledStep): boolean {
  return step.step.kind.type === 'parallel'
}

function abort(turn: Turn, step: CompiledStep): void {
  const state = stateOf(turn, step)
  if (state.token === 0) return cancel(turn, step, state.unknown)
  if (state.aborting) return
  emit(turn, { type: 'step.aborting', path: step.path })
  turn.commands.push({ type: 'cancel_task', path: step.path, token: state.token, reason: 'the run is ending' })
}

function cancel(turn: Turn, step: CompiledStep, unknown: boolean): void {
  emitSettled(turn, step, { type: 'step.cancelled', path: step.path, ...(unknown ? { unknown } : {}) })
}

/** The grace is over or everything has settled: what is still open in the range ends now, innermost first. */
export function closeOut(turn: Turn, from: number, to: number): void {
  for (let no = to - 1; no >= from; no--) {
    const step = stepAt(turn.compiled, no)
    const state = stateOf(turn, step)
    if (SETTLED.has(state.status)) continue
    if (state.status === 'pending') skip(turn, step, whyNot(turn, step))
    else if (state.ending) failStep(turn, step, state.ending)
    else cancel(turn, step, !isContainer(step))
  }
}

export function skip(turn: Turn, step: CompiledStep, why: { code: SkipCode; reason: string }): void {
  emitSettled(turn, step, { type: 'step.skipped', path: step.path, ...why })
}

function whyNot(turn: Turn, step: CompiledStep): { code: SkipCode; reason: string } {
  return badNeed(turn, step) ?? { code: 'ending', reason: 'not reached: the run was ending' }
}

/** The first need because of which the step cannot start; undefined where all have completed or were skipped by `if`. */
export function badNeed(turn: Turn, step: CompiledStep): { code: SkipCode; reason: string } | undefined {
  for (const no of step.needs) {
    const need = get(turn.draft.steps, no)
    const { id } = stepAt(turn.compiled, no)
    if (need.status === 'failed' && !need.continued) return { code: 'needs', reason: `${id} failed` }
    if (need.status === 'cancelled') return { code: 'needs', reason: `${id} was cancelled` }
    if (need.status === 'skipped' && need.skip !== 'if') return { code: 'needs', reason: `${id} was skipped` }
  }
  return undefined
}
