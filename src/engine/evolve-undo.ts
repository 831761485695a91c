/** Folds compensation events; see evolve.ts. */
import { invariant } from '../model/error.ts'
import type { RunEvent } from '../model/event.ts'
import type { Compiled } from './compile.ts'
import type { Draft, UndoState } from './run.ts'
import { addTimer } from './timers.ts'
import { get, set } from './vector.ts'

export function evolveUndo(compiled: Compiled, draft: Draft, event: RunEvent): void {
  if (!('path' in event) || event.path === undefined) return
  const no = compiled.byPath.get(event.path)?.no
  invariant(no !== undefined, `no step ${event.path} to undo`)
  const before = get(draft.steps, no).undo
  const undo = next(draft, no, before, event)
  if (!undo) return
  draft.steps = set(draft.steps, no, { ...get(draft.steps, no), undo })
  draft.tasks += (undo.token === 0 ? 0 : 1) - (before?.token ? 1 : 0)
}

function next(draft: Draft, no: number, before: UndoState | undefined, event: RunEvent): UndoState | undefined {
  if (event.type === 'compensation.scheduled') {
    draft.undoing = no
    draft.toUndo = draft.toUndo[0] === no ? draft.toUndo.slice(1) : draft.toUndo
    return {
      failures: 0, crashes: 0, firstAt: event.at, dueAt: 0, ...before,
      status: 'queued', outcome: event.outcome, attempt: event.attempt, token: event.token, input: event.input ?? before?.input,
    }
  }
  const state: UndoState = before ?? {
    status: 'queued', outcome: 'completed', attempt: 0, failures: 0, crashes: 0, token: 0, input: undefined, firstAt: event.at, dueAt: 0,
  }
  switch (event.type) {
    case 'compensation.started':
      return { ...state, status: 'running' }
    case 'compensation.retrying':
      draft.timers = addTimer(draft.timers, { at: event.dueAt, kind: 'undo_retry', no })
      return { ...state, status: 'retrying', token: 0, failures: state.failures + 1, dueAt: event.dueAt }
    case 'compensation.lost':
      return { ...state, status: 'queued', token: 0, crashes: state.crashes + (state.status === 'running' ? 1 : 0) }
    case 'compensation.released':
      return { ...state, status: 'queued', token: 0 }
    case 'compensation.completed':
      finish(draft, no)
      draft.undone++
      return { ...state, status: 'completed', token: 0 }
    case 'compensation.failed':
      finish(draft, no)
      draft.undoFailed++
      return { ...state, status: 'failed', token: 0 }
    default:
      return undefined
  }
}

function finish(draft: Draft, no: number): void {
  draft.undoing = -1
  // One that failed before its first attempt (its input could not be evaluated) is still at the head.
  if (draft.toUndo[0] === no) draft.toUndo = draft.toUndo.slice(1)
}
