/**
 * Folds events into a run. Live transitions and recovery from history use this same code, so that a recovered run is
 * the run that was. It decides nothing: what follows from a fact is `decide`'s business.
 */
import { invariant } from '../model/error.ts'
import type { EventOf, RunEvent } from '../model/event.ts'
import { listAt, stepAt, type Compiled, type CompiledStep } from './compile.ts'
import { contextOfInput, extend, merge, type Context } from './context.ts'
import { LIVE, newStep, type Draft, type Run, type StepState } from './run.ts'
import { addTimer, type TimerKind } from './timers.ts'
import { evolveUndo } from './evolve-undo.ts'
import { get, set, vectorOf } from './vector.ts'

/** The run before its first event. */
export function emptyRun(id: string): Draft {
  return {
    id, workflow: '', definition: '', key: undefined, input: {}, env: {}, startedAt: 0, seq: 0, phase: 'main',
    cause: undefined, error: undefined, output: undefined, steps: vectorOf<StepState>([]), open: 0, live: 0, tasks: 0,
    timers: null, timeoutAt: 0, graceAt: 0, toUndo: [], undoing: -1, undone: 0, undoFailed: 0, sectionEnding: false,
    sectionFailed: false, warnings: 0, final: undefined,
  }
}

export function fold(compiled: Compiled, id: string, events: Iterable<RunEvent>): Run {
  const draft = emptyRun(id)
  for (const event of events) evolve(compiled, draft, event)
  return draft
}

export function evolve(compiled: Compiled, draft: Draft, event: RunEvent): void {
  invariant(event.seq === draft.seq + 1, `event ${event.seq} after ${draft.seq} in ${draft.id}`)
  draft.seq = event.seq
  if (event.type.startsWith('run.')) evolveRun(compiled, draft, event)
  else if (event.type.startsWith('step.')) evolveStep(compiled, draft, event as StepEvent)
  else evolveUndo(compiled, draft, event)
}

function evolveRun(compiled: Compiled, draft: Draft, event: RunEvent): void {
  switch (event.type) {
    case 'run.started':
      return begin(compiled, draft, event)
    case 'run.warning':
      draft.warnings++
      if (event.code === 'SECTION_FAILED') draft.sectionEnding = draft.sectionFailed = true
      return
    case 'run.ending':
      draft.phase = 'aborting'
      draft.cause = event.cause
      draft.error = event.error
      draft.output = event.output
      return
    case 'run.grace':
      if (event.path === undefined) draft.graceAt = event.until
      else patch(draft, at(compiled, event.path).no, { dueAt: event.until })
      return addRunTimer(draft, 'grace', event.until, event.path === undefined ? -1 : at(compiled, event.path).no)
    case 'run.compensating':
      draft.phase = 'undoing'
      draft.toUndo = event.paths.map((path) => at(compiled, path).no)
      return
    case 'run.section':
      draft.phase = event.section === 'steps' ? 'main' : event.section
      draft.open = listAt(compiled, compiled.sections[event.section]).steps.length
      draft.live = 0
      draft.sectionEnding = false
      return
    case 'run.finished':
      draft.phase = 'done'
      draft.final = event.state
      draft.error = event.error ?? draft.error
      return
    default:
  }
}

function begin(compiled: Compiled, draft: Draft, event: EventOf<'run.started'>): void {
  draft.workflow = event.workflow
  draft.definition = event.definition
  draft.key = event.key
  draft.input = event.input
  draft.env = event.env ?? {}
  draft.startedAt = event.at
  draft.steps = vectorOf(compiled.steps.map((step) => newStep(step.needs.length, sizeOf(compiled, step))))
  draft.open = listAt(compiled, compiled.sections.steps).steps.length
  const { timeoutMs } = compiled.definition
  if (timeoutMs !== undefined) {
    draft.timeoutAt = event.at + timeoutMs
    addRunTimer(draft, 'run_timeout', draft.timeoutAt, -1)
  }
}

/** Steps directly inside a container. */
function sizeOf(compiled: Compiled, step: CompiledStep): number {
  return step.branches.reduce((sum, branch) => sum + listAt(compiled, branch).steps.length, 0)
}

type StepEvent = Extract<RunEvent, { type: `step.${string}` }>

function evolveStep(compiled: Compiled, draft: Draft, event: StepEvent): void {
  const step = at(compiled, event.path)
  const state = get(draft.steps, step.no)
  switch (event.type) {
    case 'step.opened':
      update(compiled, draft, step, {
        status: 'running', context: contextOf(compiled, draft, step), ...deadline(draft, step, state, event.at),
      })
      return
    case 'step.scheduled':
      update(compiled, draft, step, {
        status: 'queued', attempt: event.attempt, token: event.token, input: event.input ?? state.input,
        context: state.context ?? contextOf(compiled, draft, step), ...deadline(draft, step, state, event.at),
      })
      return
    case 'step.started':
      return update(compiled, draft, step, { status: 'running' })
    case 'step.sleeping':
      addRunTimer(draft, 'sleep', event.dueAt, step.no)
      return update(compiled, draft, step, {
        status: 'sleeping', dueAt: event.dueAt, context: contextOf(compiled, draft, step), ...deadline(draft, step, state, event.at),
      })
    case 'step.retrying':
      addRunTimer(draft, 'retry', event.dueAt, step.no)
      return update(compiled, draft, step, {
        status: 'retrying', token: 0, dueAt: event.dueAt, failures: state.failures + 1, error: event.error,
        unknown: state.unknown || event.unknown === true,
      })
    case 'step.lost':
      return update(compiled, draft, step, {
        status: 'queued', token: 0, unknown: true, losses: state.losses + 1,
        crashes: state.crashes + (state.status === 'running' ? 1 : 0),
      })
    case 'step.released':
      return update(compiled, draft, step, { status: 'queued', token: 0, unknown: true })
    case 'step.aborting':
      return patch(draft, step.no, { aborting: true })
    case 'step.ending':
      return patch(draft, step.no, { ending: event.error })
    case 'step.completed':
    case 'step.failed':
    case 'step.cancelled':
    case 'step.skipped':
      return settle(compiled, draft, step, event)
    default:
  }
}

type Settling = EventOf<'step.completed' | 'step.failed' | 'step.cancelled' | 'step.skipped'>

function settle(compiled: Compiled, draft: Draft, step: CompiledStep, event: Settling): void {
  const state = get(draft.steps, step.no)
  const context = state.context ?? contextOf(compiled, draft, step)
  const base = { token: 0, settledSeq: event.seq, context, aborting: false }
  switch (event.type) {
    case 'step.completed':
      update(compiled, draft, step, { ...base, status: 'completed', output: event.output, after: afterOf(compiled, draft, step, context, event.output) })
      break
    case 'step.failed':
      update(compiled, draft, step, {
        ...base, status: 'failed', error: event.error, after: context, continued: event.continued === true,
        unknown: state.unknown || event.unknown === true,
      })
      break
    case 'step.cancelled':
      update(compiled, draft, step, { ...base, status: 'cancelled', after: context, unknown: state.unknown || event.unknown === true })
      break
    case 'step.skipped':
      update(compiled, draft, step, { ...base, status: 'skipped', after: context, skip: event.code })
  }
  for (const no of step.dependents) patch(draft, no, { unmet: get(draft.steps, no).unmet - 1 })
  if (step.parent >= 0) patch(draft, step.parent, { open: get(draft.steps, step.parent).open - 1 })
  else draft.open--
}

/** The context a step begins with: where its needs left off, or its container's at the head of a branch. */
export function contextOf(compiled: Compiled, draft: Run, step: CompiledStep): Context {
  if (step.needs.length === 0) return contextOfHead(compiled, draft, step)
  if (step.needs.length === 1) return get(draft.steps, step.needs[0] ?? -1).after ?? contextOfInput(draft.input)
  return merge(step.needs.map((no) => get(draft.steps, no).after ?? contextOfInput(draft.input)))
}

function contextOfHead(compiled: Compiled, draft: Run, step: CompiledStep): Context {
  if (step.parent >= 0) return get(draft.steps, step.parent).context ?? contextOfInput(draft.input)
  if (step.section === 'steps') return contextOfInput(draft.input)
  // on_failure and finally see what all finished steps left behind.
  const main = listAt(compiled, compiled.sections.steps)
  return merge([contextOfInput(draft.input), ...main.steps.map((no) => get(draft.steps, no).after ?? contextOfInput(draft.input))])
}

function afterOf(compiled: Compiled, draft: Draft, step: CompiledStep, context: Context, output: EventOf<'step.completed'>['output']): Context {
  switch (step.step.kind.type) {
    case 'worker':
    case 'set':
      return extend(context, step.no, output)
    case 'parallel': {
      const ends = step.branches.flatMap((branch) => listAt(compiled, branch).sinks.map((no) => get(draft.steps, no).after ?? context))
      return ends.length === 0 ? context : merge(ends)
    }
    default:
      return context
  }
}

function deadline(draft: Draft, step: CompiledStep, state: StepState, now: number): { deadlineAt?: number } {
  const { deadlineMs } = step.step
  if (deadlineMs === undefined || state.deadlineAt !== 0) return {}
  addRunTimer(draft, 'deadline', now + deadlineMs, step.no)
  return { deadlineAt: now + deadlineMs }
}

function addRunTimer(draft: Draft, kind: TimerKind, due: number, no: number): void {
  draft.timers = addTimer(draft.timers, { at: due, kind, no })
}

/** Changes a step and keeps the counts of what is in flight, here and in every container around it. */
function update(compiled: Compiled, draft: Draft, step: CompiledStep, change: Partial<StepState>): void {
  const before = get(draft.steps, step.no)
  const after = { ...before, ...change }
  draft.steps = set(draft.steps, step.no, after)
  draft.tasks += (after.token === 0 ? 0 : 1) - (before.token === 0 ? 0 : 1)
  if (step.branches.length > 0) return
  const delta = (LIVE.has(after.status) ? 1 : 0) - (LIVE.has(before.status) ? 1 : 0)
  if (delta === 0) return
  draft.live += delta
  for (let no = step.parent; no >= 0; no = stepAt(compiled, no).parent) {
    patch(draft, no, { live: get(draft.steps, no).live + delta })
  }
}

export function patch(draft: Draft, no: number, change: Partial<StepState>): void {
  draft.steps = set(draft.steps, no, { ...get(draft.steps, no), ...change })
}

export function at(compiled: Compiled, path: string): CompiledStep {
  const step = compiled.byPath.get(path)
  invariant(step, `no step ${path} in ${compiled.definition.name}`)
  return step
}
