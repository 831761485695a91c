/**
 * What the orchestrator holds: the runs in memory, the work under way; and what a transition means for the store: the
 * commit, and what the run's record is told of it. Does nothing by itself.
 */
import type { Backend, Commit, Owner, RunPatch } from '../backend/backend.ts'
import { mayPark, runState, type Compiled, type Run, type Transition } from '../engine/transition.ts'
import { isFinal, type RunEvent, type RunState } from '../model/event.ts'
import { MagError } from '../model/error.ts'
import type { Task } from '../model/command.ts'
import type { Message } from '../model/message.ts'
import type { Children } from './children.ts'
import type { Clock } from './clock.ts'
import type { Gates } from './gates.ts'
import type { Remote } from './remote.ts'
import type { Wakes } from './wakes.ts'

/** A run that only waits longer than this leaves memory. */
const PARK_AFTER_MS = 1_000

export interface OrchestratorOptions {
  backend: Backend
  owner: Owner
  clock: Clock
  runTask(task: Task): void
  /** The pool here takes it; other tasks are queued in the store. */
  isLocal(task: Task): boolean
  cancelTask(runId: string, token: number, reason: string): void
  gates: Gates
  children: Children
  compiled(hash: string): Promise<Compiled>
  /** Durable facts, in order per run. */
  onEvents(runId: string, events: readonly RunEvent[]): void
  /** The run is not this process's any more (fenced or taken over elsewhere). */
  onLost(runId: string): void
  /** The store refuses; held results are tried again where that can help, else `fatal`: said once, nothing is written after it. */
  onStoreError(error: MagError, fatal: boolean): void
}

export type StartResult = { status: 'started'; runId: string } | { status: 'exists'; runId: string; sameInput: boolean }

export interface Active {
  readonly runId: string
  readonly compiled: Compiled
  run: Run | undefined
  inbox: Message[]
  handled: number[]
  queued: boolean
  committing: boolean
  /** Inbox ids of the commit under way: a poll may bring them once more. */
  sending: number[]
  wakeAt: number | null
  recordState: RunState | undefined
  recordWakeAt: number | null
  create: Commit['create'] | undefined
  started: { resolve(result: StartResult): void; reject(error: MagError): void } | undefined
}

export interface Work {
  active: Active
  result: Transition
  patch: RunPatch | undefined
  handled: number[]
  remote: Remote
  /** Refused before. */
  again: boolean
}

export interface Core {
  readonly options: OrchestratorOptions
  readonly active: Map<string, Active>
  readonly loading: Map<string, Promise<boolean>>
  readonly adopting: Set<string>
  /** Commits that the store refused. They are sent again as they were: one of them may have been written all the same. */
  held: Work[]
  readonly wakes: Wakes
  dirty: Active[]
  flushing: boolean
  pending: number
  idlers: Array<() => void>
  stopped: boolean
  failed: boolean
}

export function newActive(runId: string, compiled: Compiled): Active {
  return {
    runId, compiled, run: undefined, inbox: [], handled: [], queued: false, committing: false, sending: [], wakeAt: null,
    recordState: undefined, recordWakeAt: null, create: undefined, started: undefined,
  }
}

export function commitOf(owner: Owner, work: Work): Commit {
  const { active, result, patch, handled } = work
  return {
    runId: active.runId, owner, expectedSeq: active.run?.seq ?? 0, events: result.events,
    ...(active.create && !active.run ? { create: active.create } : {}), ...(patch ? { patch } : {}),
    ...(handled.length > 0 ? { handled } : {}), ...work.remote,
  }
}

/** The run's record is written at its start, when it is parked or comes back, and at its end; not at every step. */
export function patchOf(active: Active, result: Transition, now: number): RunPatch | undefined {
  const state = runState(result.run)
  if (isFinal(state)) {
    const { error } = result.run
    const note = error ? `${error.step ? `${error.step}: ` : ''}${error.code}` : null
    return { state, wakeAt: null, finishedAt: now, note, release: true }
  }
  if (parks(result, now)) return { state, wakeAt: result.wakeAt }
  if (active.recordWakeAt !== null || active.recordState === undefined || active.recordState === 'waiting' || active.recordState === 'paused') {
    return { state, wakeAt: null }
  }
  return undefined
}

function parks(result: Transition, now: number): boolean {
  return mayPark(result.run) && (result.wakeAt === null || result.wakeAt - now > PARK_AFTER_MS)
}

/** The record says that it waits, and until when: nothing of the run needs to stay in memory. */
export function isParked(active: Active, result: Transition): boolean {
  return mayPark(result.run) && (active.recordState === 'waiting' || active.recordState === 'paused') && active.recordWakeAt === result.wakeAt
}

export function reject(active: Active, error: MagError): void {
  active.started?.reject(error)
  active.started = undefined
}

export function storeError(cause: unknown): MagError {
  if (cause instanceof MagError) return cause
  return new MagError('STORE_IO', cause instanceof Error ? cause.message : String(cause), { cause, exitCode: 7 })
}

export function stoppedError(): MagError {
  return new MagError('LEASE_LOST', 'this process does not drive runs any more', { exitCode: 7, hint: 'mag list' })
}
