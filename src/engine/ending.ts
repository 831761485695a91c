/** Failures and what they end: a step for good, a container with what is in it, a section, the run. */
import { GRACE_MS } from '../model/definition.ts'
import type { ErrorInfo } from '../model/error.ts'
import type { EndingCause, SkipCode } from '../model/event.ts'
import type { Json } from '../model/json.ts'
import { lastFrame, openLists, stepAt } from './frame.ts'
import { isContainer, isForeach, type CompiledList, type CompiledStep } from './layout.ts'
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
  if (step.parent >= 0) return failedInside(turn, stepAt(turn.draft, step.parent), known)
  if (step.section === 'steps') return endRun(turn, 'failed', { error: known, path: step.path })
  emit(turn, { type: 'run.warning', code: 'SECTION_FAILED', message: `${step.path} of ${step.section} failed: ${known.message}`, path: step.path })
  sweep(turn, turn.compiled.sections[step.section])
  if (turn.draft.live > 0) emit(turn, { type: 'run.grace', until: turn.now + GRACE_MS })
}

/** A foreach lets its other elements end; it is in the queue already. */
function failedInside(turn: Turn, around: CompiledStep, error: ErrorInfo): void {
  if (!isForeach(around)) return endContainer(turn, around, error)
  const { each } = stateOf(turn, around)
  if (around.step.continueOnError && each) {
    emit(turn, { type: 'run.warning', code: 'CONTINUED', message: `${error.step ?? around.path} failed and the run went on: ${error.message}`, path: error.step ?? around.path })
  }
}

/** A failure inside a container aborts everything in it; once that has settled the container fails with it. */
export function endContainer(turn: Turn, container: CompiledStep, error: ErrorInfo): void {
  const state = stateOf(turn, container)
  if (state.status !== 'running' || state.ending) return
  emit(turn, { type: 'step.ending', path: container.path, error })
  for (const list of openLists(state)) sweep(turn, list)
  if (stateOf(turn, container).live > 0) emit(turn, { type: 'run.grace', path: container.path, until: turn.now + GRACE_MS })
  else turn.ready.push(container.no)
}

/** Everything inside the container has settled, or it is ending and nothing in it is in flight. */
export function closeContainer(turn: Turn, container: CompiledStep): void {
  const state = stateOf(turn, container)
  if (state.ending) {
    if (state.live > 0) return
    closeInside(turn, container)
    return failStep(turn, container, state.ending)
  }
  if (state.open > 0) return
  emitSettled(turn, container, { type: 'step.completed', path: container.path, output: outputOf(turn.draft, container) })
}

function outputOf(run: Run, container: CompiledStep): Json {
  const state = get(run.steps, container.no)
  if (container.step.kind.type !== 'parallel') {
    const list = container.body ? lastFrame(state) : openLists(state)[0]
    return list ? lastOutput(run, list) : null
  }
  const output: { [branch: string]: Json } = Object.create(null)
  for (const list of container.branches) output[list.name] = lastOutput(run, list)
  return output
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
  sweep(turn, turn.compiled.sections.steps)
  if (turn.draft.live > 0) emit(turn, { type: 'run.grace', until: turn.now + GRACE_MS })
}

/** Settles what has not begun or only waits, and aborts what is in flight. Containers stay open until they are closed. */
export function sweep(turn: Turn, list: CompiledList): void {
  for (const no of list.steps) {
    const state = get(turn.draft.steps, no)
    const { step, status } = state
    if (SETTLED.has(status)) continue
    if (status === 'pending') skip(turn, step, whyNot(turn, step))
    else if (isContainer(step)) for (const inner of openLists(state)) sweep(turn, inner)
    else if (state.child) abortChild(turn, step, state.child.run)
    else if (status === 'queued' || status === 'running') abort(turn, step)
    else cancelStep(turn, step, status === 'in_doubt')
  }
}

function abort(turn: Turn, step: CompiledStep): void {
  const state = stateOf(turn, step)
  if (state.token === 0) return cancelStep(turn, step, state.unknown)
  if (state.aborting) return
  emit(turn, { type: 'step.aborting', path: step.path })
  turn.commands.push({ type: 'cancel_task', path: step.path, token: state.token, reason: 'the run is ending' })
}

/** A child has as long as it takes to undo its own. */
function abortChild(turn: Turn, step: CompiledStep, run: string): void {
  const state = stateOf(turn, step)
  if (state.status !== 'running') return cancelStep(turn, step, false)
  if (state.aborting) return
  emit(turn, { type: 'step.aborting', path: step.path })
  turn.commands.push({ type: 'cancel_child', run, reason: `its parent ${turn.draft.id} is ending` })
}

export function cancelStep(turn: Turn, step: CompiledStep, unknown: boolean): void {
  emitSettled(turn, step, { type: 'step.cancelled', path: step.path, ...(unknown ? { unknown } : {}) })
}

function closeInside(turn: Turn, container: CompiledStep): void {
  for (const list of openLists(stateOf(turn, container)).reverse()) closeOut(turn, list)
}

/** The grace is over or everything has settled: what is still open in the list ends now, innermost first. Children go on. */
export function closeOut(turn: Turn, list: CompiledList): void {
  for (let i = list.steps.length - 1; i >= 0; i--) {
    const { step, status, child } = get(turn.draft.steps, list.steps[i] ?? -1)
    if (SETTLED.has(status)) continue
    if (status === 'pending') skip(turn, step, whyNot(turn, step))
    else if (isContainer(step)) closeOpen(turn, step)
    else if (child && status === 'running') continue
    else cancelStep(turn, step, true)
  }
}

function closeOpen(turn: Turn, container: CompiledStep): void {
  closeInside(turn, container)
  const { ending, live, status } = stateOf(turn, container)
  if (live > 0 || SETTLED.has(status)) return
  if (ending) failStep(turn, container, ending)
  else cancelStep(turn, container, false)
}

/** The grace of a container, or of the run's list at work, is over. */
export function graceOver(turn: Turn, container: CompiledStep | undefined, section: CompiledList): void {
  emit(turn, { type: 'run.grace_over', ...(container ? { path: container.path } : {}) })
  if (!container) return closeOut(turn, section)
  closeInside(turn, container)
  turn.ready.push(container.no)
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
    const { id } = need.step
    if (need.status === 'failed' && !need.continued) return { code: 'needs', reason: `${id} failed` }
    if (need.status === 'cancelled') return { code: 'needs', reason: `${id} was cancelled` }
    if (need.status === 'skipped' && need.skip !== 'if') return { code: 'needs', reason: `${id} was skipped` }
  }
  return undefined
}
