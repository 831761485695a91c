/** A final run that goes on as a new generation: what is run again, and how that is folded. */
import type { EventOf } from '../model/event.ts'
import type { Compiled } from './compile.ts'
import { EMPTY_DICT } from './dict.ts'
import { at, find, openLists, stepAt } from './frame.ts'
import { isContainer, type CompiledStep } from './layout.ts'
import { change, newStep, SETTLED, type Draft, type Run, type StepState } from './run.ts'
import { addTimer } from './timers.ts'
import { each, get, set } from './vector.ts'

export type RetryPlan = { paths: string[]; reopened: string[] } | { refused: string }

/** Completed steps are kept; all others, compensated ones too, run again; with `from` that step and what follows it as well. */
export function planRetry(compiled: Compiled, run: Run, from?: string): RetryPlan {
  if (run.final === undefined) return { refused: 'the run has not ended' }
  const target = from === undefined ? undefined : find(compiled, run, from)
  if (from !== undefined && target?.section !== 'steps') return { refused: `there is no step "${from}" among its steps` }
  const following = target ? followingOf(run, target) : new Set<number>()
  const undone = target && firstUndone(run, following)
  if (undone !== undefined) return { refused: `"${undone}" was compensated and has to run again first: leave out --from` }
  const plan: Plan = { paths: [], reopened: [] }
  if (!visit(run, compiled.sections.steps.steps, following, plan)) return { refused: 'all of its steps have completed; --from STEP runs that step and what follows it again' }
  for (const list of [compiled.sections.on_failure, compiled.sections.finally]) for (const no of list.steps) plan.paths.push(stepAt(run, no).path)
  return plan
}

interface Plan {
  paths: string[]
  reopened: string[]
}

function firstUndone(run: Run, following: ReadonlySet<number>): string | undefined {
  let found: string | undefined
  each(run.steps, (state, no) => {
    if (isUndone(state) && !following.has(no)) found ??= state.step.path
  })
  return found
}

/** A container that was at work goes on with what is left in it; one that begins anew forgets what is in it. True: something runs again. */
function visit(run: Run, numbers: readonly number[], following: ReadonlySet<number>, plan: Plan): boolean {
  let any = false
  for (const no of numbers) {
    const state = get(run.steps, no)
    const { path } = state.step
    const inside: Plan = { paths: [], reopened: [] }
    let left = false
    if (!following.has(no) && wasOpened(state)) for (const list of openLists(state)) left = visit(run, list.steps, following, inside) || left
    if (!left && !following.has(no) && state.status === 'completed' && !isUndone(state)) continue
    any = true
    if (left) {
      plan.reopened.push(path, ...inside.reopened)
      for (const inner of inside.paths) plan.paths.push(inner)
    } else plan.paths.push(path)
  }
  return any
}

function wasOpened({ step, status, each: elements, frames, branch, context }: StepState): boolean {
  if (!isContainer(step) || status === 'pending' || status === 'skipped' || context === undefined) return false
  return elements !== undefined || frames !== undefined || (!step.body && (step.step.kind.type !== 'switch' || branch >= 0))
}

function isUndone({ undo, child }: StepState): boolean {
  return undo !== undefined || (child?.undo?.length ?? 0) > 0
}

/** The step, what depends on it, and what depends on the containers around it. */
function followingOf(run: Run, target: CompiledStep): Set<number> {
  const found = new Set<number>([target.no])
  for (let step: CompiledStep | undefined = target; step; step = step.parent < 0 ? undefined : stepAt(run, step.parent)) {
    const queue = [...step.dependents]
    for (let no = queue.pop(); no !== undefined; no = queue.pop()) {
      if (found.has(no)) continue
      found.add(no)
      queue.push(...stepAt(run, no).dependents)
    }
  }
  return found
}

export function retried(compiled: Compiled, draft: Draft, event: EventOf<'run.retried'>): void {
  const { timeoutMs } = compiled.definition
  Object.assign(draft, {
    generation: event.generation, phase: 'main', cause: undefined, error: undefined, output: undefined, final: undefined, timers: null, graceAt: 0, toUndo: [],
    undoNext: 0, undoing: undefined, childUndos: EMPTY_DICT, undone: 0, undoFailed: 0, sectionEnding: false, sectionFailed: false, live: 0, tasks: 0, childCount: 0, gating: 0, paused: false, gate: 0,
    timeoutAt: timeoutMs === undefined ? 0 : event.at + timeoutMs,
  } satisfies Partial<Draft>)
  if (draft.timeoutAt > 0) draft.timers = addTimer(null, { at: draft.timeoutAt, kind: 'run_timeout', no: -1 })
  for (const path of event.paths) {
    const { no, end } = at(compiled, draft, path)
    for (let inner = no; inner < end; inner++) {
      const state = get(draft.steps, inner)
      // What was undone is done a second time: its idempotency key must not find the first.
      const generation = isUndone(state) ? event.generation : state.generation
      draft.steps = set(draft.steps, inner, newStep(state.step, 0, generation))
      draft.fresh.add(inner)
    }
  }
  for (const path of event.reopened) reopen(draft, at(compiled, draft, path).no)
  for (let no = 0; no < draft.steps.length; no++) recount(draft, no)
  draft.open = unsettled(draft, compiled.sections.steps.steps)
}

function reopen(draft: Draft, no: number): void {
  const state = get(draft.steps, no)
  change(draft, no, {
    status: 'running', ending: undefined, error: undefined, settledSeq: 0, settledAt: 0, live: 0, dueAt: 0, deadlineAt: 0, undo: undefined,
    continued: false, each: state.each && { ...state.each, failed: 0, error: undefined },
  })
}

function recount(draft: Draft, no: number): void {
  const state = get(draft.steps, no)
  if (state.status === 'pending') change(draft, no, { unmet: unsettled(draft, state.step.needs) })
  else if (state.status === 'running' && isContainer(state.step)) {
    const open = openLists(state).reduce((sum, list) => sum + unsettled(draft, list.steps), 0)
    change(draft, no, { open })
  }
}

function unsettled(run: Run, numbers: readonly number[]): number {
  return numbers.filter((no) => !SETTLED.has(get(run.steps, no).status)).length
}
