/** What people and owners tell a run: cancel, pause, go on, retry, resolve; and a new owner taking it over. */
import type { ErrorInfo } from '../model/error.ts'
import type { Message, Outcome } from '../model/message.ts'
import { onOutcome, schedule } from './attempts.ts'
import { pushAll } from './begin.ts'
import { loadUndo, onUndoOutcome, scheduleUndo, undoAt } from './undo.ts'
import { cancelStep, endRun, failStep } from './ending.ts'
import { find } from './frame.ts'
import { gateRun } from './gates.ts'
import { planRetry } from './generations.ts'
import type { StepState } from './run.ts'
import { emit, emitSettled, stateOf, type Turn } from './turn.ts'
import { each } from './vector.ts'
import { match } from './waits.ts'

type Told<T extends Message['type']> = Extract<Message, { type: T }>

const who = (by: string | undefined): { by?: string } => (by === undefined ? {} : { by })

export function onCancel(turn: Turn, { by, reason }: Told<'cancel'>): void {
  if (turn.draft.phase !== 'main') return
  emit(turn, { type: 'run.cancel_requested', ...who(by), ...(reason === undefined ? {} : { reason }) })
  const text = `cancelled${by ? ` by ${by}` : ''}${reason ? `: ${reason}` : ''}`
  endRun(turn, 'cancelled', { error: { code: 'CANCELLED', message: text, retryable: false } })
}

export function onPause(turn: Turn, { by, reason }: Told<'pause'>): void {
  if (turn.draft.phase !== 'main' || turn.draft.paused) return
  emit(turn, { type: 'run.paused', ...who(by), ...(reason === undefined ? {} : { reason }) })
}

export function onUnpause(turn: Turn, { by }: Told<'unpause'>): void {
  const { draft } = turn
  if (!draft.paused) return
  emit(turn, { type: 'run.unpaused', ...who(by) })
  for (const name of new Set(draft.signals.map((signal) => signal.name))) match(turn, name)
  pushAll(turn)
}

/** A final state changes by this only, and the history says so. */
export function onRetry(turn: Turn, { from, by }: Told<'retry'>): void {
  const plan = planRetry(turn.compiled, turn.draft, from)
  if ('refused' in plan) return
  emit(turn, { type: 'run.retried', generation: turn.draft.generation + 1, ...plan, ...(from === undefined ? {} : { from }), ...who(by) })
  if (gateRun(turn)) return
  pushAll(turn)
}

export function onResolve(turn: Turn, message: Told<'resolve'>): void {
  const step = find(turn.compiled, turn.draft, message.path)
  if (!step || stateOf(turn, step).status !== 'in_doubt') return
  const { attempt } = stateOf(turn, step)
  switch (message.as) {
    case 'completed':
      return emitSettled(turn, step, { type: 'step.completed', path: step.path, output: message.output ?? {}, ...who(message.by) })
    case 'failed': {
      const text = message.reason ?? `resolved as failed${message.by ? ` by ${message.by}` : ''}`
      return failStep(turn, step, { code: 'FAILED', message: text, retryable: false, step: step.path, attempt }, { unknown: true })
    }
    case 'retry':
      return schedule(turn, step)
  }
}

const GONE = 'its process is gone'

/** Attempts that the former owner held are lost; what it handed back in time, asked or started is done again. */
export function onTakenOver(turn: Turn, owner: string): void {
  emit(turn, { type: 'run.taken_over', owner })
  // What an earlier message of this very turn scheduled (a cancel's `on_failure`) is this owner's own.
  const states: StepState[] = []
  each(turn.draft.steps, (state) => {
    if (state.status === 'queued' || state.status === 'running' || state.undo) states.push(state)
  })
  for (const { step } of states) {
    takeOverStep(turn, stateOf(turn, step))
    takeOverUndo(turn, step.path)
  }
  for (const path of turn.draft.toUndo.slice(turn.draft.undoNext, turn.draft.undoNext + 1)) if (!find(turn.compiled, turn.draft, path)) takeOverUndo(turn, path)
  if (turn.draft.gate !== 0 && turn.draft.gate <= turn.fromSeq) gateRun(turn)
  if (turn.draft.phase === 'aborting' && turn.draft.live === 0) loadUndo(turn)
}

function takeOverStep(turn: Turn, state: StepState): void {
  const { step, token, status, gate, child } = state
  if (token > turn.fromSeq || gate > turn.fromSeq) return
  if (token !== 0) return onOutcome(turn, step, lostOutcome(step.path, token))
  if (status === 'queued') return turn.draft.phase === 'main' || step.section !== 'steps' ? schedule(turn, step) : cancelStep(turn, step, state.unknown)
  if (!child || status !== 'running' || child.token > turn.fromSeq) return
  const { kind } = step.step
  if (kind.type !== 'workflow') return
  if (state.aborting) turn.commands.push({ type: 'cancel_child', run: child.run, reason: `its parent ${turn.draft.id} is ending` })
  // Its start, or word of its end, may have been lost with the owner; both are told at most once.
  turn.commands.push({ type: 'await_child', path: step.path, token: child.token, run: child.run })
}

function takeOverUndo(turn: Turn, path: string): void {
  const undo = undoAt(turn, path)
  if (!undo || undo.token > turn.fromSeq) return
  if (undo.token !== 0) onUndoOutcome(turn, path, undo, lostOutcome(path, undo.token))
  else if (undo.status === 'queued') scheduleUndo(turn, path)
}

function lostOutcome(path: string, token: number): Outcome {
  const error: ErrorInfo = { code: 'LOST', message: GONE, retryable: true }
  return { type: 'outcome', path, token, result: { ok: false, how: 'lost', error } }
}
