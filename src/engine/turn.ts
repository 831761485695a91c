/** One transition at work: the run's draft, what has happened so far and what is to be done about it. */
import type { Command } from '../model/command.ts'
import type { EventBody, RunEvent } from '../model/event.ts'
import { stepAt, type Compiled, type CompiledStep } from './compile.ts'
import { evolve } from './evolve.ts'
import type { Draft, StepState } from './run.ts'
import { get } from './vector.ts'

export interface Turn {
  readonly compiled: Compiled
  readonly draft: Draft
  readonly now: number
  readonly events: RunEvent[]
  readonly commands: Command[]
  /** Steps to look at: their last need has settled, or all inside them has. A queue, so that chains do not recurse. */
  readonly ready: number[]
}

export function emit(turn: Turn, body: EventBody): void {
  const event = { seq: turn.draft.seq + 1, at: turn.now, ...body } as RunEvent
  evolve(turn.compiled, turn.draft, event)
  turn.events.push(event)
}

type Settled = Extract<EventBody, { type: 'step.completed' | 'step.failed' | 'step.cancelled' | 'step.skipped' }>

/** Emits the event that settles a step and queues what may move because of it. */
export function emitSettled(turn: Turn, step: CompiledStep, body: Settled): void {
  emit(turn, body)
  for (const no of step.dependents) if (get(turn.draft.steps, no).unmet === 0) turn.ready.push(no)
  for (let no = step.parent; no >= 0; no = stepAt(turn.compiled, no).parent) {
    const parent = get(turn.draft.steps, no)
    if (parent.open === 0 || (parent.ending !== undefined && parent.live === 0)) turn.ready.push(no)
  }
}

export function stateOf(turn: Turn, step: CompiledStep): StepState {
  return get(turn.draft.steps, step.no)
}

/** True where nothing new may start: the step's section is not at work, or it or a container around it is ending. */
export function isEnding(turn: Turn, step: CompiledStep): boolean {
  const { draft } = turn
  const phase = step.section === 'steps' ? 'main' : step.section
  if (draft.phase !== phase || (phase !== 'main' && draft.sectionEnding)) return true
  for (let no = step.parent; no >= 0; no = stepAt(turn.compiled, no).parent) {
    if (get(draft.steps, no).ending !== undefined) return true
  }
  return false
}
