/** The phases of a run: main, then on its end undoing, on_failure, finally, done. */
import type { EventBody, FinalState } from '../model/event.ts'
import type { ErrorInfo } from '../model/error.ts'
import type { Json } from '../model/json.ts'
import { closeOut, endRun } from './ending.ts'
import type { Run } from './run.ts'
import { evaluate } from './scope.ts'
import { emit, type Turn } from './turn.ts'
import { advanceUndo, loadUndo, toUndo } from './undo.ts'
import { each } from './vector.ts'

/** Moves the run on to its next phase if this one is over. False: there is nothing to do until the next message. */
export function advance(turn: Turn): boolean {
  const { draft } = turn
  switch (draft.phase) {
    case 'main':
      if (draft.open > 0 || draft.gate !== 0) return false
      completeMain(turn)
      return true
    case 'aborting':
      return draft.live > 0 ? false : afterAbort(turn)
    case 'undoing': {
      const before = draft.seq
      if (!advanceUndo(turn)) nextSection(turn)
      return draft.seq !== before
    }
    case 'on_failure':
    case 'finally':
      return advanceSection(turn, draft.phase)
    case 'done':
      return false
  }
}

function advanceSection(turn: Turn, section: 'on_failure' | 'finally'): boolean {
  const { draft, compiled } = turn
  if (draft.sectionEnding ? draft.live > 0 : draft.open > 0) return false
  if (draft.sectionEnding) closeOut(turn, compiled.sections[section])
  nextSection(turn)
  return true
}

function completeMain(turn: Turn): void {
  const output = outputs(turn)
  const explicit = output === undefined ? {} : { output }
  if (turn.compiled.definition.finally.length > 0) return endRun(turn, 'completed', explicit)
  emit(turn, { type: 'run.finished', state: 'completed', ...explicit })
  freeRun(turn)
}

function freeRun(turn: Turn): void {
  if (turn.draft.slot !== undefined) turn.commands.push({ type: 'free', key: turn.draft.slot, path: '' })
}

/** The declared outputs; undefined without `outputs:` (then they are the top-level steps', which history holds). */
function outputs(turn: Turn): Json | undefined {
  const declared = turn.compiled.definition.outputs
  if (!declared) return undefined
  const result: { [name: string]: Json } = Object.create(null)
  const place = { compiled: turn.compiled, run: turn.draft }
  const warn = (name: string, reason: string) =>
    emit(turn, { type: 'run.warning', code: 'OUTPUT_MISSING', message: `output ${name} is null: ${reason}` })
  for (const [name, value] of Object.entries(declared)) {
    try {
      result[name] = evaluate(place, value, (reference) => warn(name, `${reference} has no value`))
    } catch (error) {
      result[name] = null
      warn(name, error instanceof Error ? error.message : String(error))
    }
  }
  return result
}

function afterAbort(turn: Turn): boolean {
  const { draft, compiled } = turn
  const { cause } = draft
  if (cause !== 'completed') closeOut(turn, compiled.sections.steps)
  const undoes = cause !== 'completed' && cause !== 'returned'
  if (undoes && loadUndo(turn)) return false
  const paths = undoes ? toUndo(turn) : []
  if (paths.length > 0) emit(turn, { type: 'run.compensating', paths })
  else nextSection(turn)
  return true
}

function nextSection(turn: Turn): void {
  const { draft, compiled } = turn
  const badly = draft.cause !== 'completed' && draft.cause !== 'returned'
  const early = draft.phase === 'aborting' || draft.phase === 'undoing'
  if (early && badly && compiled.definition.onFailure.length > 0) return enter(turn, 'on_failure')
  if (draft.phase !== 'finally' && compiled.definition.finally.length > 0) return enter(turn, 'finally')
  finish(turn)
}

function enter(turn: Turn, section: 'on_failure' | 'finally'): void {
  emit(turn, { type: 'run.section', section })
  for (const no of turn.compiled.sections[section].steps) turn.ready.push(no)
}

function finish(turn: Turn): void {
  const { draft } = turn
  const state = finalState(draft)
  const error = state === 'failed' && draft.error === undefined ? sectionError(turn) : draft.error
  const output = state === 'completed' && draft.output !== undefined ? { output: draft.output } : {}
  emit(turn, { type: 'run.finished', state, ...output, ...(error ? { error } : {}) } satisfies EventBody)
  freeRun(turn)
}

function finalState(run: Run): FinalState {
  if (run.undoFailed > 0) return 'compensation_failed'
  switch (run.cause) {
    case 'failed':
      return run.undone > 0 ? 'compensated' : 'failed'
    case 'cancelled':
    case 'timed_out':
      return run.cause
    default:
      return run.sectionFailed ? 'failed' : 'completed'
  }
}

function sectionError(turn: Turn): ErrorInfo | undefined {
  let found: ErrorInfo | undefined
  each(turn.draft.steps, ({ step, status, continued, error }) => {
    if (step.section !== 'steps' && status === 'failed' && !continued) found ??= error
  })
  return found
}
