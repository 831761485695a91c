/**
 * Folds events into a run. Live transitions and recovery from history use this same code, so that a recovered run is
 * the run that was. It decides nothing: what follows from a fact is `decide`'s business.
 */
import { invariant } from '../model/error.ts'
import type { EventOf, RunEvent } from '../model/event.ts'
import { LIMITS } from '../model/limits.ts'
import { contextOf } from './contexts.ts'
import type { Compiled } from './compile.ts'
import { evolveStep } from './evolve-step.ts'
import { evolveUndo } from './evolve-undo.ts'
import { at } from './frame.ts'
import { retried } from './generations.ts'
import { change, emptyRun, type Draft, type Run } from './run.ts'
import { addTimer } from './timers.ts'

export { contextOf, emptyRun }

export function fold(compiled: Compiled, id: string, events: Iterable<RunEvent>): Run {
  const draft = emptyRun(id)
  for (const event of events) evolve(compiled, draft, event)
  return draft
}

export function evolve(compiled: Compiled, draft: Draft, event: RunEvent): void {
  invariant(event.seq === draft.seq + 1, `event ${event.seq} after ${draft.seq} in ${draft.id}`)
  draft.seq = event.seq
  draft.lastAt = event.at
  if (event.type.startsWith('step.')) evolveStep(compiled, draft, event as Extract<RunEvent, { type: `step.${string}` }>)
  else if (event.type.startsWith('run.')) evolveRun(compiled, draft, event)
  else evolveUndo(compiled, draft, event)
}

function evolveRun(compiled: Compiled, draft: Draft, event: RunEvent): void {
  switch (event.type) {
    case 'run.started':
      return begin(compiled, draft, event)
    case 'run.gated':
      draft.gate = event.token
      draft.slot = event.key
      return
    case 'run.admitted':
      draft.gate = 0
      return
    case 'run.warning':
      draft.warnings++
      if (event.code === 'SECTION_FAILED') draft.sectionEnding = draft.sectionFailed = true
      return
    case 'run.paused':
    case 'run.unpaused':
      draft.paused = event.type === 'run.paused'
      return
    case 'run.signal':
      draft.signals = [...draft.signals, { id: event.id, name: event.name, data: event.data }]
      draft.signalIds = [...draft.signalIds, event.id].slice(-LIMITS.keptSignals)
      return
    case 'run.retried':
      return retried(compiled, draft, event)
    default:
      return evolveEnding(compiled, draft, event)
  }
}

function evolveEnding(compiled: Compiled, draft: Draft, event: RunEvent): void {
  switch (event.type) {
    case 'run.ending':
      draft.phase = 'aborting'
      draft.cause = event.cause
      draft.error = event.error
      draft.output = event.output
      draft.paused = false
      draft.gate = 0
      return
    case 'run.grace':
      return grace(compiled, draft, event)
    case 'run.grace_over':
      if (event.path === undefined) draft.graceAt = 0
      else patchDue(draft, at(compiled, draft, event.path).no, 0)
      return
    case 'run.compensating':
      draft.phase = 'undoing'
      draft.toUndo = event.paths
      draft.undoNext = 0
      return
    case 'run.section':
      draft.phase = event.section === 'steps' ? 'main' : event.section
      draft.open = compiled.sections[event.section].steps.length
      draft.live = 0
      draft.sectionEnding = false
      return
    case 'run.finished':
      draft.phase = 'done'
      draft.final = event.state
      draft.error = event.error ?? draft.error
      draft.output = event.output ?? draft.output
      return
    default:
  }
}

function grace(compiled: Compiled, draft: Draft, event: EventOf<'run.grace'>): void {
  const no = event.path === undefined ? -1 : at(compiled, draft, event.path).no
  if (no < 0) draft.graceAt = event.until
  else patchDue(draft, no, event.until)
  draft.timers = addTimer(draft.timers, { at: event.until, kind: 'grace', no })
}

function patchDue(draft: Draft, no: number, dueAt: number): void {
  change(draft, no, { dueAt })
}

function begin(compiled: Compiled, draft: Draft, event: EventOf<'run.started'>): void {
  draft.workflow = event.workflow
  draft.definition = event.definition
  draft.key = event.key
  draft.input = event.input
  draft.env = event.env ?? {}
  draft.parent = event.parent
  draft.children = event.children ?? {}
  draft.startedAt = event.at
  draft.steps = compiled.initial
  draft.open = compiled.sections.steps.steps.length
  const { timeoutMs } = compiled.definition
  if (timeoutMs === undefined) return
  draft.timeoutAt = event.at + timeoutMs
  draft.timers = addTimer(draft.timers, { at: draft.timeoutAt, kind: 'run_timeout', no: -1 })
}
