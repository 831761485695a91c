import type { ErrorInfo } from './error.ts'
import type { Json, JsonObject } from './json.ts'

/**
 * Facts of a run, in order. The history is the truth: state, views and summaries are folds of it.
 * `seq` is dense from 1 within a run, `at` is epoch milliseconds. Steps are named by path
 * (`charge`, `both/l/l1`; elements and children: `ship[3]/charge`, `child/m`), never by bare id.
 * A shape that changes gets a new `v` on that event; absent means 1. Readers ignore types they do not know.
 */
export type RunEvent = { seq: number; at: number; v?: number } & EventBody

export type EndingCause = 'completed' | 'returned' | 'failed' | 'cancelled' | 'timed_out'
export type FinalState = 'completed' | 'failed' | 'compensated' | 'cancelled' | 'timed_out' | 'compensation_failed'
export type RunState = 'pending' | 'running' | 'waiting' | 'paused' | 'compensating' | FinalState
export type Section = 'steps' | 'on_failure' | 'finally'
/** `needs`: a need failed, was cancelled or itself skipped so; `ending`: the run was ending before its turn. */
export type SkipCode = 'if' | 'needs' | 'ending'
/** How certain we are that an undone step had its effect. */
export type UndoOutcome = 'completed' | 'unknown'

export type EventBody =
  | { type: 'run.started'; workflow: string; definition: string; input: JsonObject; env?: Record<string, string>
      key?: string; parent?: { run: string; path: string }; generation?: number }
  | { type: 'run.warning'; code: string; message: string; path?: string }
  | { type: 'run.taken_over'; owner: string }
  | { type: 'run.cancel_requested'; by?: string; reason?: string }
  | { type: 'run.ending'; cause: EndingCause; path?: string; error?: ErrorInfo; output?: Json }
  /** Paths in the order in which they will be undone. */
  | { type: 'run.compensating'; paths: string[] }
  | { type: 'run.section'; section: Section }
  | { type: 'run.finished'; state: FinalState; output?: Json; error?: ErrorInfo }
  | { type: 'step.opened'; path: string }
  | { type: 'step.scheduled'; path: string; attempt: number; token: number; worker: string; input?: Json }
  | { type: 'step.started'; path: string; token: number; process?: string }
  | { type: 'step.progress'; path: string; token: number; fraction?: number; text?: string }
  | { type: 'step.sleeping'; path: string; dueAt: number }
  | { type: 'step.completed'; path: string; token?: number; output: Json; startedAt?: number }
  | { type: 'step.retrying'; path: string; token: number; attempt: number; dueAt: number; error: ErrorInfo; unknown?: boolean }
  | { type: 'step.lost'; path: string; token: number; reason: string }
  | { type: 'step.released'; path: string; token: number }
  | { type: 'step.in_doubt'; path: string; token: number }
  | { type: 'step.aborting'; path: string }
  /** In-flight work of the run (no path) or of a container has until then to end by itself. */
  | { type: 'run.grace'; path?: string; until: number }
  /** A failure inside a container is ending it. */
  | { type: 'step.ending'; path: string; error: ErrorInfo }
  | { type: 'step.failed'; path: string; error: ErrorInfo; unknown?: boolean; continued?: boolean; startedAt?: number }
  | { type: 'step.cancelled'; path: string; unknown?: boolean; reason?: string }
  | { type: 'step.skipped'; path: string; code: SkipCode; reason: string }
  | { type: 'compensation.scheduled'; path: string; attempt: number; token: number; worker: string; outcome: UndoOutcome; input?: Json }
  | { type: 'compensation.started'; path: string; token: number; process?: string }
  | { type: 'compensation.retrying'; path: string; token: number; attempt: number; dueAt: number; error: ErrorInfo }
  | { type: 'compensation.lost'; path: string; token: number; reason: string }
  | { type: 'compensation.released'; path: string; token: number }
  | { type: 'compensation.completed'; path: string; token: number; output: Json }
  | { type: 'compensation.failed'; path: string; error: ErrorInfo }

export type EventType = EventBody['type']
export type EventOf<T extends EventType> = Extract<RunEvent, { type: T }>

export const FINAL_STATES: ReadonlySet<string> = new Set<FinalState>([
  'completed', 'failed', 'compensated', 'cancelled', 'timed_out', 'compensation_failed',
])
export function isFinal(state: RunState): state is FinalState {
  return FINAL_STATES.has(state)
}
