/**
 * The decider: what a run makes of messages. Pure and total: no clock, no randomness, no I/O; unknown, late and repeated
 * messages change nothing. The caller makes the events durable first and only then carries out the commands.
 */
import type { Command } from '../model/command.ts'
import { isFinal, type RunEvent, type RunState } from '../model/event.ts'
import { invariant, unreachable, type ErrorInfo } from '../model/error.ts'
import { LIMITS } from '../model/limits.ts'
import type { Message, Outcome } from '../model/message.ts'
import { onChildEnded, onChildUndo, onGate } from './answers.ts'
import { onOutcome } from './attempts.ts'
import { consider } from './begin.ts'
import type { Compiled } from './compile.ts'
import { onCancel, onPause, onResolve, onRetry, onTakenOver, onUnpause } from './control.ts'
import { lookup } from './dict.ts'
import { fireNext, nextTimer } from './due.ts'
import { endRun } from './ending.ts'
import { emptyRun, fold } from './evolve.ts'
import { find, stepAt } from './frame.ts'
import { gateRun, pushHeads } from './gates.ts'
import { asText } from './inputs.ts'
import { advance } from './phases.ts'
import { draftOf, type Run } from './run.ts'
import { evaluate, expressionError } from './scope.ts'
import { emit, newTurn, stateOf, type Turn } from './turn.ts'
import { onUndoOutcome, undoAt } from './undo.ts'
import { each } from './vector.ts'
import { onApprove, onSignal } from './waits.ts'

export { compile, type Compiled } from './compile.ts'
export { fold } from './evolve.ts'
export { find } from './frame.ts'
export { planRetry, type RetryPlan } from './generations.ts'
export { gateSlots, mayPark, resultOf, undoOf } from './result.ts'
export type { Run } from './run.ts'

export interface Transition {
  run: Run
  events: RunEvent[]
  commands: Command[]
  /** When the run wants a `tick`; null: only messages move it. Epoch ms. */
  wakeAt: number | null
}

/**
 * @param run the run so far; undefined before its `start`
 * @param messages handled in order, all in one turn and so in one commit
 * @param now epoch ms
 */
export function transition(compiled: Compiled, run: Run | undefined, messages: readonly Message[], now: number): Transition {
  const turn = newTurn(compiled, run ? draftOf(run) : emptyRun(''), now)
  for (const message of messages) {
    handle(turn, message)
    settleAll(turn)
  }
  guardHistory(turn)
  const { timer, timers } = nextTimer(turn)
  turn.draft.timers = timers
  // The next turn may change none of these in place.
  turn.draft.fresh = new Set()
  return { run: turn.draft, events: turn.events, commands: turn.commands, wakeAt: timer?.at ?? null }
}

function settleAll(turn: Turn): void {
  if (turn.draft.seq === 0) return
  do {
    for (let i = 0; i < turn.ready.length; i++) consider(turn, stepAt(turn.draft, turn.ready[i] ?? -1))
    turn.ready.length = 0
  } while (advance(turn))
}

function handle(turn: Turn, message: Message): void {
  const { draft } = turn
  if (message.type === 'start') return start(turn, message)
  if (draft.seq === 0) return
  if (draft.phase === 'done') return message.type === 'retry' ? onRetry(turn, message) : undefined
  switch (message.type) {
    case 'outcome':
      return outcome(turn, message)
    case 'started':
      return started(turn, message)
    case 'progress':
      return progress(turn, message)
    case 'tick':
      while (fireNext(turn)) settleAll(turn)
      return
    case 'taken_over':
      return onTakenOver(turn, message.owner)
    case 'gate':
      return onGate(turn, message)
    case 'child_ended':
      return onChildEnded(turn, message)
    case 'child_undo':
      return onChildUndo(turn, message)
    default:
      return told(turn, message)
  }
}

function told(turn: Turn, message: Extract<Message, { type: 'cancel' | 'signal' | 'approve' | 'resolve' | 'pause' | 'unpause' | 'retry' }>): void {
  switch (message.type) {
    case 'cancel':
      return onCancel(turn, message)
    case 'signal':
      return onSignal(turn, message)
    case 'approve':
      return onApprove(turn, message)
    case 'resolve':
      return onResolve(turn, message)
    case 'pause':
      return onPause(turn, message)
    case 'unpause':
      return onUnpause(turn, message)
    case 'retry':
      // Of a run that has not ended there is nothing to retry.
      return
    default:
      unreachable(message)
  }
}

function start(turn: Turn, message: Extract<Message, { type: 'start' }>): void {
  const { draft, compiled } = turn
  if (draft.seq > 0) return
  draft.id = message.id
  const { input, key, parent, children } = message
  const { env, error } = environment(compiled, { ...draft, input, workflow: message.workflow, startedAt: turn.now })
  emit(turn, {
    type: 'run.started', workflow: message.workflow, definition: message.definition, input,
    ...(Object.keys(env).length > 0 ? { env } : {}), ...(key === undefined ? {} : { key }), ...(parent ? { parent } : {}),
    ...(children && Object.keys(children).length > 0 ? { children } : {}),
  })
  if (error) return endRun(turn, 'failed', { error })
  try {
    if (!gateRun(turn)) pushHeads(turn)
  } catch (cause) {
    endRun(turn, 'failed', { error: expressionError(cause, 'concurrency.key') })
  }
}

function environment(compiled: Compiled, run: Run): { env: { [name: string]: string }; error?: ErrorInfo } {
  const env: { [name: string]: string } = {}
  try {
    for (const [name, value] of Object.entries(compiled.definition.env)) env[name] = asText(evaluate({ compiled, run }, value))
    return { env }
  } catch (error) {
    return { env, error: expressionError(error, 'env') }
  }
}

function outcome(turn: Turn, message: Outcome): void {
  if (message.token === 0) return
  const step = find(turn.compiled, turn.draft, message.path)
  if (step && stateOf(turn, step).token === message.token) return onOutcome(turn, step, message)
  const undo = undoAt(turn, message.path)
  if (undo?.token === message.token) onUndoOutcome(turn, message.path, undo, message)
}

function started(turn: Turn, message: Extract<Message, { type: 'started' }>): void {
  if (message.token === 0) return
  const { path, token } = message
  const step = find(turn.compiled, turn.draft, path)
  const process = message.process === undefined ? {} : { process: message.process }
  if (step && stateOf(turn, step).token === token) {
    if (stateOf(turn, step).status === 'queued') emit(turn, { type: 'step.started', path, token, ...process })
    return
  }
  const undo = undoAt(turn, path)
  if (undo?.token === token && undo.status === 'queued') emit(turn, { type: 'compensation.started', path, token, ...process })
}

function progress(turn: Turn, message: Extract<Message, { type: 'progress' }>): void {
  const step = find(turn.compiled, turn.draft, message.path)
  if (!step || message.token === 0 || stateOf(turn, step).token !== message.token) return
  const { path, token, fraction, text } = message
  emit(turn, { type: 'step.progress', path, token, ...(fraction === undefined ? {} : { fraction }), ...(text === undefined ? {} : { text }) })
}

function guardHistory(turn: Turn): void {
  const { draft, events } = turn
  const before = draft.seq - events.length
  const { historyWarnEvents: warn, historyEvents: limit } = LIMITS
  if (before < warn && draft.seq >= warn && draft.phase !== 'done') {
    emit(turn, { type: 'run.warning', code: 'HISTORY', message: `the history has ${warn} events; the run ends at ${limit}` })
  }
  if (draft.seq < limit || draft.phase !== 'main') return
  endRun(turn, 'failed', { error: { code: 'LIMIT', message: `the history reached ${limit} events`, retryable: false } })
  settleAll(turn)
}

/** A run as its history tells it, and when it wants to be woken. */
export function recover(compiled: Compiled, id: string, events: readonly RunEvent[]): { run: Run; wakeAt: number | null } {
  const run = fold(compiled, id, events)
  invariant(run.seq === (events.at(-1)?.seq ?? 0), 'a folded run stands at its last event')
  const { timer } = nextTimer(newTurn(compiled, draftOf(run), 0))
  return { run, wakeAt: timer?.at ?? null }
}

/** The state people are told. `waiting`: nothing is with a worker, only time or a message moves it. */
export function runState(run: Run): RunState {
  if (run.final) return run.final
  if (run.seq === 0 || run.gate !== 0) return 'pending'
  if (run.phase === 'undoing') return 'compensating'
  if (run.paused) return 'paused'
  return run.tasks + run.childCount + run.gating === 0 ? 'waiting' : 'running'
}

/** Attempts that are with a pool or should be: none for a run that is parked. */
export function inFlight(run: Run): Array<{ path: string; token: number }> {
  if (run.tasks === 0) return []
  const held: Array<{ path: string; token: number }> = []
  each(run.steps, ({ step, token, undo }) => {
    for (const one of [token, undo?.token ?? 0]) if (one !== 0) held.push({ path: step.path, token: one })
  })
  const { undoing } = run
  const child = undoing === undefined ? undefined : lookup(run.childUndos, undoing)?.undo
  if (undoing !== undefined && child && child.token !== 0) held.push({ path: undoing, token: child.token })
  return held
}

export interface ChildWait {
  path: string
  token: number
  run: string
}

/** Children that the run waits for. */
export function childWaits(run: Run): ChildWait[] {
  const found: ChildWait[] = []
  each(run.steps, ({ step, child, status }) => {
    if (child && status === 'running') found.push({ path: step.path, token: child.token, run: child.run })
  })
  return found
}

export { isFinal }
