/** Folds compensation events; see evolve.ts. */
import type { RunEvent } from '../model/event.ts'
import type { Compiled } from './compile.ts'
import { insert, lookup } from './dict.ts'
import { at } from './frame.ts'
import { change, type Draft, type UndoState } from './run.ts'
import { addTimer } from './timers.ts'
import { get } from './vector.ts'

export function evolveUndo(compiled: Compiled, draft: Draft, event: RunEvent): void {
  if (!('path' in event) || event.path === undefined) return
  const { path } = event
  const own = lookup(draft.childUndos, path)
  const no = own ? -1 : at(compiled, draft, path).no
  const before = own ? own.undo : get(draft.steps, no).undo
  const undo = next(draft, { path, no }, before, event)
  if (!undo) return
  if (own) draft.childUndos = insert(draft.childUndos, path, { item: own.item, undo })
  else change(draft, no, { undo })
  draft.tasks += (undo.token === 0 ? 0 : 1) - (before?.token ? 1 : 0)
}

function next(draft: Draft, { path, no }: { path: string; no: number }, before: UndoState | undefined, event: RunEvent): UndoState | undefined {
  if (event.type === 'compensation.scheduled') {
    draft.undoing = path
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
      draft.timers = addTimer(draft.timers, { at: event.dueAt, kind: 'undo_retry', no, ...(no < 0 ? { path } : {}) })
      return { ...state, status: 'retrying', token: 0, failures: state.failures + 1, dueAt: event.dueAt }
    case 'compensation.lost':
      return { ...state, status: 'queued', token: 0, crashes: state.crashes + (state.status === 'running' ? 1 : 0) }
    case 'compensation.released':
      return { ...state, status: 'queued', token: 0 }
    case 'compensation.completed':
      finish(draft)
      draft.undone++
      return { ...state, status: 'completed', token: 0 }
    case 'compensation.failed':
      finish(draft)
      draft.undoFailed++
      return { ...state, status: 'failed', token: 0 }
    default:
      return undefined
  }
}

/** They are undone one by one, in order. */
function finish(draft: Draft): void {
  draft.undoing = undefined
  draft.undoNext++
}
