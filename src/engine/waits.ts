/** Waiting for signals and for people. Signals are kept until a step takes them: one each, in order. */
import type { Kind } from '../model/definition.ts'
import { LIMITS } from '../model/limits.ts'
import type { Message } from '../model/message.ts'
import { lookup } from './dict.ts'
import { failStep } from './ending.ts'
import { find, stepAt } from './frame.ts'
import { asText, placeOf } from './inputs.ts'
import type { CompiledStep } from './layout.ts'
import { evaluate } from './scope.ts'
import { emit, emitSettled, stateOf, type Turn } from './turn.ts'
import { get } from './vector.ts'

export function beginWait(turn: Turn, step: CompiledStep, kind: Extract<Kind, { type: 'wait' }>): void {
  const signal = asText(evaluate(placeOf(turn, step), kind.signal))
  emit(turn, { type: 'step.waiting', path: step.path, signal, ...until(turn, step) })
  match(turn, signal)
}

export function beginApprove(turn: Turn, step: CompiledStep, kind: Extract<Kind, { type: 'approve' }>): void {
  emit(turn, { type: 'step.waiting', path: step.path, approve: asText(evaluate(placeOf(turn, step), kind.message)), ...until(turn, step) })
}

function until(turn: Turn, { step }: CompiledStep): { dueAt?: number } {
  return step.timeoutMs === undefined ? {} : { dueAt: turn.now + step.timeoutMs }
}

export function onSignal(turn: Turn, { id, name, data, by }: Extract<Message, { type: 'signal' }>): void {
  const { draft } = turn
  if (draft.phase === 'done' || draft.signalIds.includes(id)) return
  if (draft.signals.length >= LIMITS.keptSignals) {
    return emit(turn, { type: 'run.warning', code: 'SIGNALS', message: `signal "${name}" was dropped: ${LIMITS.keptSignals} are kept already that no step has taken` })
  }
  emit(turn, { type: 'run.signal', id, name, data, ...(by === undefined ? {} : { by }) })
  match(turn, name)
}

/** Gives kept signals of a name to the steps that wait for it, first to first. */
export function match(turn: Turn, name: string): void {
  const { draft } = turn
  if (draft.paused) return
  for (;;) {
    const waiting = firstWaiting(turn, name)
    const signal = waiting && draft.signals.find((kept) => kept.name === name)
    if (!waiting || !signal) return
    emitSettled(turn, waiting, { type: 'step.completed', path: waiting.path, output: signal.data, signal: signal.id })
  }
}

function firstWaiting(turn: Turn, name: string): CompiledStep | undefined {
  const { draft } = turn
  const waits = lookup(draft.waits, name)
  if (!waits) return undefined
  for (let { head } = waits; head < waits.steps.length; head++) {
    const state = get(draft.steps, get(waits.steps, head))
    if (state.status !== 'waiting' || state.wait !== name) continue
    return stepAt(draft, get(waits.steps, head))
  }
  return undefined
}

export function onApprove(turn: Turn, message: Extract<Message, { type: 'approve' }>): void {
  const step = find(turn.compiled, turn.draft, message.path)
  if (step?.step.kind.type !== 'approve' || stateOf(turn, step).status !== 'waiting') return
  const { approved, by, comment, data } = message
  if (!approved && step.step.kind.ifRejected === 'fail') {
    const text = `rejected${by ? ` by ${by}` : ''}${comment ? `: ${comment}` : ''}`
    return failStep(turn, step, { code: 'REJECTED', message: text, retryable: false, step: step.path, ...(data === undefined ? {} : { details: data }) })
  }
  const output = { approved, by: by ?? null, comment: comment ?? null, data: data ?? null }
  emitSettled(turn, step, { type: 'step.completed', path: step.path, output, ...(by === undefined ? {} : { by }) })
}
