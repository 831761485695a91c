import type { SecretUse } from './command.ts'
import type { RetryPolicy } from './definition.ts'
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
      key?: string; parent?: Parent; children?: { readonly [workflow: string]: string } }
  | { type: 'run.warning'; code: string; message: string; path?: string }
  | { type: 'run.taken_over'; owner: string }
  /** Waits for a place among the runs with its concurrency key; `run.admitted` when it has one. */
  | { type: 'run.gated'; token: number; key: string; limit: number }
  | { type: 'run.admitted' }
  | { type: 'run.paused'; by?: string; reason?: string }
  | { type: 'run.unpaused'; by?: string }
  /** Kept until a `wait` step takes it. */
  | { type: 'run.signal'; id: string; name: string; data: Json; by?: string }
  /** The grace of what was in flight is over. */
  | { type: 'run.grace_over'; path?: string }
  /** A new generation: `paths` begin anew, containers in `reopened` go on with what is left in them, all others are kept. */
  | { type: 'run.retried'; generation: number; paths: string[]; reopened: string[]; from?: string; by?: string }
  | { type: 'run.cancel_requested'; by?: string; reason?: string }
  | { type: 'run.ending'; cause: EndingCause; path?: string; error?: ErrorInfo; output?: Json }
  /** Paths in the order in which they will be undone. */
  | { type: 'run.compensating'; paths: string[] }
  | { type: 'run.section'; section: Section }
  | { type: 'run.finished'; state: FinalState; output?: Json; error?: ErrorInfo }
  /** `items`: of a foreach. `branch`: the case that a switch takes, -1 for none. */
  | { type: 'step.opened'; path: string; items?: readonly Json[]; branch?: number }
  | { type: 'step.iterated'; path: string; index: number }
  /** Waits for a slot, a cached result or a circuit breaker. */
  | { type: 'step.gated'; path: string; token: number; slot?: { key: string; limit: number }; cache?: string; circuit?: string }
  | { type: 'step.scheduled'; path: string; attempt: number; token: number; worker: string; input?: Json; secrets?: SecretUse[] }
  | { type: 'step.started'; path: string; token: number; process?: string }
  | { type: 'step.progress'; path: string; token: number; fraction?: number; text?: string }
  | { type: 'step.sleeping'; path: string; dueAt: number }
  /** For a signal or for a person, until `dueAt` where there is a timeout. */
  | { type: 'step.waiting'; path: string; signal?: string; approve?: string; dueAt?: number }
  | { type: 'step.child'; path: string; token: number; run: string; workflow: string; input?: JsonObject }
  /** What the step's completed child has to undo, in the order of completion. */
  | { type: 'step.child_undo'; path: string; run: string; items: UndoItem[] }
  /** `signal`: the id of the one taken. `cached`: from an earlier run of the same key. */
  | { type: 'step.completed'; path: string; token?: number; output: Json; startedAt?: number; signal?: string; cached?: true; by?: string }
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

/** The run, and the step of it, that started this one as a child. */
export interface Parent {
  run: string
  path: string
  token: number
  /** 1 for a child of a run that is nobody's. */
  depth: number
}

/** A step of a completed child run that its parent may have to undo. */
export interface UndoItem {
  /** In the child. */
  path: string
  worker: string
  outcome: UndoOutcome
  input: Json
  secrets?: SecretUse[]
  /** Its input could not be evaluated: the undo fails with this. */
  failure?: string
  retry?: RetryPolicy
  timeoutMs?: number
  /** Epoch ms at which it completed. */
  at: number
}

export type EventType = EventBody['type']
export type EventOf<T extends EventType> = Extract<RunEvent, { type: T }>

export const FINAL_STATES: ReadonlySet<string> = new Set<FinalState>([
  'completed', 'failed', 'compensated', 'cancelled', 'timed_out', 'compensation_failed',
])
export function isFinal(state: RunState): state is FinalState {
  return FINAL_STATES.has(state)
}
