/**
 * What people see of a run: a fold of its events over its definition. Knows nothing of stores, terminals or time; the
 * same view feeds the live tree, the plain log, the documents and the library. Costs O(1) per event, never per step.
 */
import type { Definition, Step } from '../model/definition.ts'
import type { RunEvent, RunState, Section } from '../model/event.ts'
import type { Json } from '../model/json.ts'
import { foldStep, isSettled } from './step-fold.ts'
import { addList, reset, stepAt } from './steps.ts'
import type { RunView, StepView } from './views.ts'

export { everyStep } from './steps.ts'
export type { RunView, StepView, StepViewState, UndoView } from './views.ts'

/** The view of a run before its first event. */
export function viewOf(definition: Definition, runId = ''): RunView {
  const all: StepView[] = []
  const byPath = new Map<string, StepView>()
  const add = (steps: Step[] | undefined, section: Section) => addList(steps ?? [], { section, prefix: '', all, byPath, dynamic: false })
  const steps = add(definition.steps, 'steps')
  const onFailure = add(definition.onFailure, 'on_failure')
  const last = add(definition.finally, 'finally')
  const total = all.filter((step) => step.section === 'steps' && step.branches.length === 0).length
  return {
    runId, definition, steps, onFailure, finally: last, all, byPath, active: new Set(), tasks: new Set(),
    counts: { done: 0, total, retries: 0 }, warnings: [], workflow: definition.name, definitionHash: '', input: {},
    state: 'pending', paused: false, generation: 1, section: 'steps', seq: 0, createdAt: 0, updatedAt: 0, toUndo: [],
  }
}

export function applyEvents(view: RunView, events: Iterable<RunEvent>): RunView {
  for (const event of events) applyEvent(view, event)
  return view
}

/** Folds one event in. Events that are there already and types that are not known change nothing. */
export function applyEvent(view: RunView, event: RunEvent): RunView {
  if (event.seq <= view.seq) return view
  view.seq = event.seq
  view.updatedAt = event.at
  if (event.type.startsWith('run.')) foldRun(view, event)
  else if ('path' in event && event.path !== undefined) {
    const step = stepAt(view, event.path)
    if (step) foldStep(view, step, event)
  }
  view.state = stateOf(view)
  return view
}

function stateOf(view: RunView): RunState {
  if (view.finishedAt !== undefined) return view.state
  if (view.state === 'compensating') return 'compensating'
  if (view.paused) return 'paused'
  return view.tasks.size === 0 && view.active.size > 0 ? 'waiting' : 'running'
}

function foldRun(view: RunView, event: RunEvent): void {
  switch (event.type) {
    case 'run.started':
      view.workflow = event.workflow
      view.definitionHash = event.definition
      view.input = event.input
      view.createdAt = event.at
      if (event.key !== undefined) view.key = event.key
      if (event.parent) view.parent = { run: event.parent.run, path: event.parent.path }
      return
    case 'run.warning':
      view.warnings.push({ code: event.code, message: event.message, ...(event.path === undefined ? {} : { path: event.path }) })
      return
    case 'run.paused':
    case 'run.unpaused':
      view.paused = event.type === 'run.paused'
      return
    case 'run.retried':
      return retried(view, event)
    case 'run.cancel_requested':
      view.cancel = { ...(event.by === undefined ? {} : { by: event.by }), ...(event.reason === undefined ? {} : { reason: event.reason }) }
      return
    case 'run.ending':
      view.paused = false
      view.cause = event.cause
      if (event.path !== undefined) view.endedBy = event.path
      if (event.error) view.error = event.error
      if (event.output !== undefined) view.output = event.output
      return
    case 'run.compensating':
      view.state = 'compensating'
      view.toUndo = event.paths
      return
    case 'run.section':
      view.section = event.section
      view.state = 'running'
      return
    case 'run.finished':
      view.state = event.state
      view.finishedAt = event.at
      view.active.clear()
      view.tasks.clear()
      if (event.output !== undefined) view.output = event.output
      if (event.error) view.error = event.error
      return
    default:
  }
}

/** A new generation: what is run again looks as if it had never run. */
function retried(view: RunView, event: Extract<RunEvent, { type: 'run.retried' }>): void {
  view.generation = event.generation
  view.state = 'running'
  view.section = 'steps'
  view.toUndo = []
  for (const field of ['finishedAt', 'cause', 'endedBy', 'cancel', 'error', 'output'] as const) delete view[field]
  for (const path of event.paths) reset(view, path)
  for (const path of event.reopened) {
    const step = stepAt(view, path)
    if (!step) continue
    step.state = 'running'
    for (const field of ['finishedAt', 'error', 'reason', 'undo'] as const) delete step[field]
    if (step.each) step.each.failed = 0
  }
  view.counts.done = view.all.filter((step) => step.section === 'steps' && step.branches.length === 0 && isSettled(step.state)).length
}

/** What `mag run` prints: the recorded output, else that of every completed top-level step; null unless completed. */
export function outputOf(view: RunView): Json {
  if (view.state !== 'completed') return null
  if (view.output !== undefined) return view.output
  const result: { [id: string]: Json } = Object.create(null)
  for (const step of view.steps) if (step.state === 'completed') result[step.id] = step.output ?? null
  return result
}

/** Leaves at work now, in file order. */
export function currentSteps(view: RunView): StepView[] {
  return [...view.active].sort((a, b) => a.no - b.no)
}
