/** A run's state: a value, never changed in place. Everything in it can be had again by folding the history. */
import type { ErrorInfo } from '../model/error.ts'
import type { EndingCause, FinalState, Section, SkipCode } from '../model/event.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { Context } from './context.ts'
import type { Timers } from './timers.ts'
import type { Vector } from './vector.ts'

export type StepStatus =
  | 'pending' | 'queued' | 'running' | 'retrying' | 'sleeping'
  | 'completed' | 'failed' | 'skipped' | 'cancelled'

export interface StepState {
  readonly status: StepStatus
  /** Needs that have not settled. */
  readonly unmet: number
  /** Tries in all, crashed ones too. */
  readonly attempt: number
  /** Tries that count towards `retry.attempts`. */
  readonly failures: number
  /** Worker-process deaths that count towards POISON. */
  readonly crashes: number
  readonly losses: number
  /** Fencing token of the attempt in flight; 0: none. */
  readonly token: number
  /** Some attempt timed out, died or was aborted: whether it had its effect is not known. */
  readonly unknown: boolean
  readonly continued: boolean
  readonly aborting: boolean
  readonly skip: SkipCode | null
  readonly output: Json | undefined
  readonly error: ErrorInfo | undefined
  /** Recorded input (`with`); undefined: the context. */
  readonly input: Json | undefined
  readonly dueAt: number
  readonly deadlineAt: number
  /** Sequence number of the event that settled it; 0 before. Undo goes by it, backwards. */
  readonly settledSeq: number
  /** What it saw, and what those after it see. */
  readonly context: Context | undefined
  readonly after: Context | undefined
  /** Containers: steps directly inside not yet settled, and attempts, timers in flight anywhere inside. */
  readonly open: number
  readonly live: number
  /** Containers that a failure inside is ending: that failure. */
  readonly ending: ErrorInfo | undefined
  readonly undo: UndoState | undefined
}

export interface UndoState {
  readonly status: 'queued' | 'running' | 'retrying' | 'completed' | 'failed'
  readonly outcome: 'completed' | 'unknown'
  readonly attempt: number
  readonly failures: number
  readonly crashes: number
  readonly token: number
  readonly input: Json | undefined
  readonly firstAt: number
  readonly dueAt: number
}

/**
 * `main`: steps run. `aborting`: the run is ending, what is in flight has its grace. `undoing`: compensations, one by
 * one. Then the sections, then `done`.
 */
export type Phase = 'main' | 'aborting' | 'undoing' | 'on_failure' | 'finally' | 'done'

export interface Run {
  readonly id: string
  readonly workflow: string
  readonly definition: string
  readonly key: string | undefined
  readonly input: JsonObject
  readonly env: { readonly [name: string]: string }
  readonly startedAt: number
  readonly seq: number
  readonly phase: Phase
  readonly cause: EndingCause | undefined
  /** Why the run is ending, and the step that began it. */
  readonly error: ErrorInfo | undefined
  readonly output: Json | undefined
  readonly steps: Vector<StepState>
  /** Steps of the running section's list not settled; attempts and timers in flight. */
  readonly open: number
  readonly live: number
  /** Attempts in flight (a task is with a pool): none means that the run only waits. */
  readonly tasks: number
  readonly timers: Timers
  readonly timeoutAt: number
  readonly graceAt: number
  /** Step numbers still to be undone, next one first; and how it went so far. */
  readonly toUndo: readonly number[]
  readonly undoing: number
  readonly undone: number
  readonly undoFailed: number
  /** A step of on_failure or finally failed: that section is ending. */
  readonly sectionEnding: boolean
  readonly sectionFailed: boolean
  readonly warnings: number
  readonly final: FinalState | undefined
}

/** A run while one transition works on it: its own copy, whose parts are still never changed in place. */
export type Draft = { -readonly [K in keyof Run]: Run[K] }

export const SETTLED: ReadonlySet<StepStatus> = new Set<StepStatus>(['completed', 'failed', 'skipped', 'cancelled'])
/** In flight: something will still be heard of it. */
export const LIVE: ReadonlySet<StepStatus> = new Set<StepStatus>(['queued', 'running', 'retrying', 'sleeping'])

export function sectionOf(phase: Phase): Section {
  return phase === 'on_failure' || phase === 'finally' ? phase : 'steps'
}

const NEW_STEP: Omit<StepState, 'unmet' | 'open'> = {
  status: 'pending', attempt: 0, failures: 0, crashes: 0, losses: 0, token: 0, unknown: false, continued: false,
  aborting: false, skip: null, output: undefined, error: undefined, input: undefined, dueAt: 0, deadlineAt: 0,
  settledSeq: 0, context: undefined, after: undefined, live: 0, ending: undefined, undo: undefined,
}

export function newStep(unmet: number, open: number): StepState {
  return { ...NEW_STEP, unmet, open }
}
