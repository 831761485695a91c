/**
 * The decider: what a run makes of messages. Pure and total: no clock, no randomness, no I/O; unknown, late and repeated
 * messages change nothing. The caller makes the events durable first and only then carries out the commands.
 */
import type { Command } from '../model/command.ts'
import { isFinal, type RunEvent, type RunState } from '../model/event.ts'
import { invariant, type ErrorInfo } from '../model/error.ts'
import { LIMITS } from '../model/limits.ts'
import type { Message, Outcome } from '../model/message.ts'
import { asText, onOutcome, schedule } from './attempts.ts'
import { consider } from './begin.ts'
import { listAt, stepAt, type Compiled, type CompiledStep } from './compile.ts'
import { endRun } from './ending.ts'
import { emptyRun, fold } from './evolve.ts'
import { advance } from './phases.ts'
import type { Run } from './run.ts'
import { evaluate, expressionError } from './scope.ts'
import { fireNext, nextTimer } from './due.ts'
import { emit, stateOf, type Turn } from './turn.ts'
import { onUndoOutcome, scheduleUndo } from './undo.ts'
import { get } from './vector.ts'

export { compile, type Compiled } from './compile.ts'
export { fold } from './evolve.ts'
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
 * @param now epoch ms, not before the run's last event
 */
export function transition(compiled: Compiled, run: Run | undefined, messages: readonly Message[], now: number): Transition {
  const turn: Turn = { compiled, draft: run ? { ...run } : emptyRun(''), now, events: [], commands: [], ready: [] }
  for (const message of messages) {
    handle(turn, message)
    settleAll(turn)
  }
  guardHistory(turn)
  const { timer, timers } = nextTimer(turn)
  turn.draft.timers = timers
  return { run: turn.draft, events: turn.events, commands: turn.commands, wakeAt: timer?.at ?? null }
}

function settleAll(turn: Turn): void {
  if (turn.draft.seq === 0) return
  do {
    for (let i = 0; i < turn.ready.length; i++) consider(turn, stepAt(turn.compiled, turn.ready[i] ?? -1))
    turn.ready.length = 0
  } while (advance(turn))
}

function handle(turn: Turn, message: Message): void {
  const { draft } = turn
  if (message.type === 'start') return start(turn, message)
  if (draft.seq === 0 || draft.phase === 'done') return
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
    case 'cancel':
      return cancel(turn, message)
    case 'taken_over':
      return takenOver(turn, message.owner)
    case 'signal':
      // No kind waits for signals yet; the shape is fixed so that histories and inboxes need not change for it.
      return
  }
}

function start(turn: Turn, message: Extract<Message, { type: 'start' }>): void {
  const { draft, compiled } = turn
  if (draft.seq > 0) return
  draft.id = message.id
  const { input, key, parent } = message
  const { env, error } = environment(compiled, { ...draft, input, workflow: message.workflow, startedAt: turn.now })
  emit(turn, {
    type: 'run.started', workflow: message.workflow, definition: message.definition, input,
    ...(Object.keys(env).length > 0 ? { env } : {}), ...(key === undefined ? {} : { key }), ...(parent ? { parent } : {}),
  })
  if (error) return endRun(turn, 'failed', { error })
  for (const no of listAt(compiled, compiled.sections.steps).steps) if (stepAt(compiled, no).needs.length === 0) turn.ready.push(no)
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
  const step = turn.compiled.byPath.get(message.path)
  if (!step || message.token === 0) return
  const state = stateOf(turn, step)
  if (state.undo?.token === message.token) return onUndoOutcome(turn, step, state.undo, message)
  if (state.token === message.token) onOutcome(turn, step, message)
}

function started(turn: Turn, message: Extract<Message, { type: 'started' }>): void {
  const step = turn.compiled.byPath.get(message.path)
  if (!step || message.token === 0) return
  const state = stateOf(turn, step)
  const { path, token } = message
  const process = message.process === undefined ? {} : { process: message.process }
  if (state.token === token && state.status === 'queued') emit(turn, { type: 'step.started', path, token, ...process })
  else if (state.undo?.token === token && state.undo.status === 'queued') emit(turn, { type: 'compensation.started', path, token, ...process })
}

function progress(turn: Turn, message: Extract<Message, { type: 'progress' }>): void {
  const step = turn.compiled.byPath.get(message.path)
  if (!step || message.token === 0 || stateOf(turn, step).token !== message.token) return
  const { path, token, fraction, text } = message
  emit(turn, { type: 'step.progress', path, token, ...(fraction === undefined ? {} : { fraction }), ...(text === undefined ? {} : { text }) })
}

function cancel(turn: Turn, message: Extract<Message, { type: 'cancel' }>): void {
  if (turn.draft.phase !== 'main') return
  const by = message.by === undefined ? {} : { by: message.by }
  const reason = message.reason === undefined ? {} : { reason: message.reason }
  emit(turn, { type: 'run.cancel_requested', ...by, ...reason })
  const text = `cancelled${message.by ? ` by ${message.by}` : ''}${message.reason ? `: ${message.reason}` : ''}`
  endRun(turn, 'cancelled', { error: { code: 'CANCELLED', message: text, retryable: false } })
}

/** Attempts that the former owner held are lost; those it handed back in time start again. */
function takenOver(turn: Turn, owner: string): void {
  emit(turn, { type: 'run.taken_over', owner })
  const reason = 'its process is gone'
  const error = { code: 'LOST', message: reason, retryable: true }
  // What an earlier message of this very turn scheduled (a cancel's `on_failure`) is this owner's own.
  const fresh = new Set(turn.commands.flatMap((command) => (command.type === 'task' ? [`${command.task.path} ${command.task.token}`] : [])))
  for (const step of turn.compiled.steps) {
    const state = stateOf(turn, step)
    const own = (token: number): boolean => fresh.has(`${step.path} ${token}`)
    if (own(state.token) || (state.undo && own(state.undo.token))) continue
    if (state.token !== 0) {
      onOutcome(turn, step, { type: 'outcome', path: step.path, token: state.token, result: { ok: false, how: 'lost', error } })
    } else if (state.status === 'queued') handedBack(turn, step)
    if (state.undo && state.undo.token !== 0) {
      onUndoOutcome(turn, step, state.undo, { type: 'outcome', path: step.path, token: state.undo.token, result: { ok: false, how: 'lost', error } })
    } else if (state.undo?.status === 'queued') scheduleUndo(turn, step)
  }
}

function handedBack(turn: Turn, step: CompiledStep): void {
  if (turn.draft.phase === 'main' || step.section !== 'steps') schedule(turn, step)
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
  const { timer } = nextTimer({ compiled, draft: { ...run }, now: 0, events: [], commands: [], ready: [] })
  return { run, wakeAt: timer?.at ?? null }
}

/** The state people are told. `waiting`: nothing is with a worker, only time or a message moves it. */
export function runState(run: Run): RunState {
  if (run.final) return run.final
  if (run.seq === 0) return 'pending'
  if (run.phase === 'undoing') return 'compensating'
  return run.tasks === 0 ? 'waiting' : 'running'
}

/** Attempts that are with a pool or should be: none for a run that is parked. */
export function inFlight(compiled: Compiled, run: Run): Array<{ path: string; token: number }> {
  if (run.tasks === 0) return []
  return compiled.steps.flatMap((step) => {
    const { token, undo } = get(run.steps, step.no)
    return [token, undo?.token ?? 0].filter((held) => held !== 0).map((held) => ({ path: step.path, token: held }))
  })
}

export { isFinal }
