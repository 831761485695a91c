/**
 * What only the store knows is asked before an attempt: a cached result, whether a worker's circuit is open, a slot among
 * all runs' steps with one concurrency key. The engine asks with a command and goes on with the answer.
 */
import type { Gate } from '../model/command.ts'
import { asText, placeOf } from './inputs.ts'
import type { CompiledStep } from './layout.ts'
import { evaluate } from './scope.ts'
import { emit, stateOf, type Turn } from './turn.ts'

/** True where a step has anything to ask. */
export function gateOf({ step }: CompiledStep): boolean {
  return step.concurrency !== undefined || step.cache !== undefined || step.circuitBreaker !== undefined
}

/** False: it has to wait for the answer first. A slot that it holds already is granted again at once. */
export function passGate(turn: Turn, step: CompiledStep): boolean {
  const state = stateOf(turn, step)
  if (state.passed) return true
  const { concurrency, cache, circuitBreaker, kind } = step.step
  const place = placeOf(turn, step)
  const token = turn.draft.seq + 1
  const gate: Gate = { path: step.path, token }
  if (cache && state.attempt === 0) gate.cache = state.cacheKey ?? `${kind.type === 'worker' ? kind.worker : step.id}:${asText(evaluate(place, cache.key))}`
  if (circuitBreaker && kind.type === 'worker') gate.circuit = { worker: kind.worker, ...circuitBreaker }
  // It has had its slot since its first attempt.
  if (concurrency && state.attempt === 0) gate.slot = { key: state.slot ?? asText(evaluate(place, concurrency.key)), limit: concurrency.limit, whenFull: concurrency.whenFull }
  if (!gate.cache && !gate.circuit && !gate.slot) return true
  emit(turn, {
    type: 'step.gated', path: step.path, token, ...(gate.slot ? { slot: { key: gate.slot.key, limit: gate.slot.limit } } : {}),
    ...(gate.cache === undefined ? {} : { cache: gate.cache }), ...(gate.circuit ? { circuit: gate.circuit.worker } : {}),
  })
  turn.commands.push({ type: 'gate', gate })
  return false
}

/** Asks for the run's own place. */
export function gateRun(turn: Turn): boolean {
  const { concurrency } = turn.compiled.definition
  if (!concurrency) return false
  const { draft } = turn
  const key = draft.slot ?? asText(evaluate({ compiled: turn.compiled, run: draft }, concurrency.key))
  const token = draft.seq + 1
  emit(turn, { type: 'run.gated', token, key, limit: concurrency.limit })
  turn.commands.push({ type: 'gate', gate: { path: '', token, slot: { key, limit: concurrency.limit, whenFull: concurrency.whenFull } } })
  return true
}

/** The first steps of the run. */
export function pushHeads(turn: Turn): void {
  for (const no of turn.compiled.sections.steps.steps) turn.ready.push(no)
}
