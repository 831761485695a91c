/** One transition at work: the run's draft, what has happened so far and what is to be done about it. */
import type { Command } from '../model/command.ts'
import type { EventBody, RunEvent } from '../model/event.ts'
import { isForeach, type CompiledStep } from './layout.ts'
import type { Compiled } from './compile.ts'
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
  /** The run's last sequence number before this turn: later tokens were given out in it. */
  readonly fromSeq: number
}

export function newTurn(compiled: Compiled, draft: Draft, now: number): Turn {
  // Time never runs backwards within a run, whatever the clocks of its owners say.
  return { compiled, draft, now: Math.max(now, draft.lastAt), events: [], commands: [], ready: [], fromSeq: draft.seq }
}

export function emit(turn: Turn, body: EventBody): void {
  const event = { seq: turn.draft.seq + 1, at: turn.now, ...body } as RunEvent
  evolve(turn.compiled, turn.draft, event)
  turn.events.push(event)
}

type Settled = Extract<EventBody, { type: 'step.completed' | 'step.failed' | 'step.cancelled' | 'step.skipped' }>

/** Emits the event that settles a step, gives back what it held, and queues what may move because of it. */
export function emitSettled(turn: Turn, step: CompiledStep, body: Settled): void {
  const { draft } = turn
  const { slot, passed, gate, cacheKey } = get(draft.steps, step.no)
  emit(turn, body)
  if (slot !== undefined) turn.commands.push({ type: 'free', key: slot, path: step.path })
  const { cache } = step.step
  if (cache && cacheKey !== undefined && body.type === 'step.completed' && !body.cached && !passed && gate === 0) {
    turn.commands.push({ type: 'cache', key: cacheKey, output: body.output, ...(cache.ttlMs === undefined ? {} : { ttlMs: cache.ttlMs }) })
  }
  for (const no of step.dependents) if (get(draft.steps, no).unmet === 0) turn.ready.push(no)
  for (let no = step.parent, direct = true; no >= 0; direct = false) {
    const around = get(draft.steps, no)
    if (around.open === 0 || (direct && isForeach(around.step)) || (around.ending !== undefined && around.live === 0)) turn.ready.push(no)
    no = around.step.parent
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
  for (let no = step.parent; no >= 0; ) {
    const around = get(draft.steps, no)
    if (around.ending !== undefined) return true
    no = around.step.parent
  }
  return false
}
