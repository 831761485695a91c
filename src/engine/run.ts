/** A run's state: a value, never changed in place. Everything in it can be had again by folding the history. */
import type { ErrorInfo } from '../model/error.ts'
import type { SecretUse } from '../model/command.ts'
import type { EndingCause, FinalState, Section, SkipCode, UndoItem } from '../model/event.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { Parent } from '../model/message.ts'
import type { CompiledStep } from './layout.ts'
import type { Context } from './context.ts'
import { EMPTY_DICT, type Dict } from './dict.ts'
import type { Timers } from './timers.ts'
import { get, set, vectorOf, type Vector } from './vector.ts'

export type StepStatus =
  | 'pending' | 'queued' | 'running' | 'retrying' | 'sleeping' | 'waiting' | 'in_doubt'
  | 'completed' | 'failed' | 'skipped' | 'cancelled'

export interface StepState {
  readonly step: CompiledStep
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
  readonly secrets: readonly SecretUse[] | undefined
  readonly dueAt: number
  readonly deadlineAt: number
  /** Sequence number and time of the event that settled it; 0 before. Undo goes by them, backwards. */
  readonly settledSeq: number
  readonly settledAt: number
  /** What it saw, and what those after it see. */
  readonly context: Context | undefined
  readonly after: Context | undefined
  /** Containers: steps directly inside not yet settled, and attempts, timers in flight anywhere inside. */
  readonly open: number
  readonly live: number
  /** Containers that a failure inside is ending: that failure. */
  readonly ending: ErrorInfo | undefined
  readonly undo: UndoState | undefined
  /** Token of the gate that it waits at; 0: none. `passed`: it has been through for its next attempt. */
  readonly gate: number
  readonly passed: boolean
  /** Key of the slot that it holds or asks for, until it settles. */
  readonly slot: string | undefined
  readonly cacheKey: string | undefined
  readonly cached: boolean
  /** The case that a switch took; -1: none. */
  readonly branch: number
  /** The child run, its token, and, once it was asked for, what is to be undone of it. */
  readonly child: ChildState | undefined
  readonly wait: string | undefined
  readonly each: EachState | undefined
  /** First state of each element's or iteration's frame. */
  readonly frames: Vector<number> | undefined
  /** Loops: what the next iteration's head sees. */
  readonly carry: Context | undefined
  /** Which generation of the run began it; its idempotency key tells it from what was undone. */
  readonly generation: number
}

export interface ChildState {
  readonly run: string
  readonly token: number
  readonly undo: readonly UndoItem[] | undefined
}

export interface EachState {
  readonly items: readonly Json[]
  readonly outputs: Vector<Json>
  readonly failed: number
  readonly error: ErrorInfo | undefined
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
  readonly lastAt: number
  readonly parent: Parent | undefined
  readonly children: { readonly [workflow: string]: string }
  readonly generation: number
  readonly paused: boolean
  /** Token of the gate that the run waits at before its first step; and the key of its slot. */
  readonly gate: number
  readonly slot: string | undefined
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
  /** Attempts in flight (a task is with a pool), and children: none means that the run only waits. */
  readonly tasks: number
  readonly childCount: number
  /** Steps that wait for an answer of the store. */
  readonly gating: number
  /** Signals that no step has taken yet, oldest first; and ids of the last ones that came, taken or not. */
  readonly signals: readonly KeptSignal[]
  readonly signalIds: readonly string[]
  /** Steps that began to wait for a signal, by its name, in that order; `head`: those before it have settled. */
  readonly waits: Dict<{ readonly steps: Vector<number>; readonly head: number }>
  readonly timers: Timers
  readonly timeoutAt: number
  readonly graceAt: number
  /** Paths to be undone, in order, and how many of them are done with; the path at work; and how it went so far. */
  readonly toUndo: readonly string[]
  readonly undoNext: number
  readonly undoing: string | undefined
  /** Undo of children's steps, by path: the steps' own is in their state. */
  readonly childUndos: Dict<{ readonly item: UndoItem; readonly undo: UndoState | undefined }>
  readonly undone: number
  readonly undoFailed: number
  /** A step of on_failure or finally failed: that section is ending. */
  readonly sectionEnding: boolean
  readonly sectionFailed: boolean
  readonly warnings: number
  readonly final: FinalState | undefined
}

/**
 * A run while one transition works on it: its own copy. `fresh` are the states that were copied in this very turn: those, and
 * only those, are changed in place, so that a thousand events of one turn copy what they touch once.
 */
export type Draft = { -readonly [K in keyof Run]: Run[K] } & { fresh: Set<number> }

export const SETTLED: ReadonlySet<StepStatus> = new Set<StepStatus>(['completed', 'failed', 'skipped', 'cancelled'])
/** In flight: something will still be heard of it. */
export const LIVE: ReadonlySet<StepStatus> = new Set<StepStatus>(['queued', 'running', 'retrying', 'sleeping', 'waiting', 'in_doubt'])

export function sectionOf(phase: Phase): Section {
  return phase === 'on_failure' || phase === 'finally' ? phase : 'steps'
}

export interface KeptSignal {
  readonly id: string
  readonly name: string
  readonly data: Json
}

/** The run before its first event. */
export function emptyRun(id: string): Draft {
  return {
    id, workflow: '', definition: '', key: undefined, input: {}, env: {}, startedAt: 0, lastAt: 0, parent: undefined, children: {}, generation: 1,
    paused: false, gate: 0, slot: undefined, seq: 0, phase: 'main', cause: undefined, error: undefined, output: undefined, steps: NO_STEPS, open: 0,
    live: 0, tasks: 0, childCount: 0, gating: 0, signals: [], signalIds: [], waits: EMPTY_DICT, timers: null, timeoutAt: 0, graceAt: 0, toUndo: [],
    undoNext: 0, undoing: undefined, childUndos: EMPTY_DICT, undone: 0, undoFailed: 0, sectionEnding: false, sectionFailed: false, warnings: 0, final: undefined, fresh: new Set(),
  }
}

/** The run as a draft of its own. */
export function draftOf(run: Run): Draft {
  return { ...run, fresh: new Set() }
}

/** Changes a step's state. What was read of the state before must not be read again: it may be the same object. */
export function change(draft: Draft, no: number, by: Partial<StepState>): void {
  const before = get(draft.steps, no)
  if (draft.fresh.has(no)) {
    Object.assign(before, by)
    return
  }
  draft.steps = set(draft.steps, no, Object.assign({ ...before }, by))
  draft.fresh.add(no)
}

const NO_STEPS: Vector<StepState> = vectorOf<StepState>([])

/** One literal: states of one shape are what makes changing them cheap. */
export function newStep(step: CompiledStep, unmet: number, generation = 1): StepState {
  return {
    step, status: 'pending', unmet, attempt: 0, failures: 0, crashes: 0, losses: 0, token: 0, unknown: false, continued: false, aborting: false,
    skip: null, output: undefined, error: undefined, input: undefined, secrets: undefined, dueAt: 0, deadlineAt: 0, settledSeq: 0, settledAt: 0,
    context: undefined, after: undefined, open: 0, live: 0, ending: undefined, undo: undefined, gate: 0, passed: false, slot: undefined,
    cacheKey: undefined, cached: false, branch: -1, child: undefined, wait: undefined, each: undefined, frames: undefined, carry: undefined, generation,
  }
}
