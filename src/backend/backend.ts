/**
 * The seam to storage. A backend keeps runs' histories, ownership, inboxes, tasks for other processes and logs; it
 * decides nothing about workflows. Nothing here assumes one process, one machine, cheap reads, or one transaction
 * across runs: each Commit is atomic by itself and gets a result of its own. Every method may reject with
 * `MagError` (`STORE_*`, exit 7); no method throws synchronously.
 */
import type { Json } from '../model/json.ts'
import type { RunEvent, RunState } from '../model/event.ts'
import type { Message } from '../model/message.ts'
import type { Task } from '../model/command.ts'

export interface ProcessInfo {
  host: string
  pid: number
  /** Tells a reused pid from the process that had it (kernel start time); empty where unknown. */
  startToken: string
  role: 'cli' | 'library' | 'worker' | 'server'
  queues?: string[]
  workers?: string[]
  concurrency?: number
}

/** The right to write, given by `join`. `epoch` fences: once it is taken away no commit in its name succeeds. */
export interface Owner {
  id: string
  epoch: number
}

export interface ProcessRecord extends ProcessInfo {
  id: string
  epoch: number
  joinedAt: number
  leaseUntil: number
  /** `left`: said goodbye. `fenced`: declared dead by another. `live` may have lapsed: compare `leaseUntil`. */
  state: 'live' | 'left' | 'fenced'
  busy: number
}

export interface RunRecord {
  id: string
  workflow: string
  /** Hash of the pinned definition. */
  definition: string
  key: string | null
  /** Id of the run that started this one as a child. */
  parent: string | null
  /** As of the last start, wait or end; between those it may lag behind the history by design. */
  state: RunState
  /** Sequence number of the last event that this record's fields reflect or a later one. */
  seq: number
  /** Owner's process id, or null: nobody's (handed back, waiting for anyone, or final). */
  owner: string | null
  wakeAt: number | null
  createdAt: number
  updatedAt: number
  finishedAt: number | null
  /** Final runs: a few words for lists, e.g. the error's code and step. */
  note: string | null
}

/**
 * What a commit may change in the run's record. Absent fields stay. A final state ends everything: the run has no
 * owner, wakeAt, messages or tasks afterwards, and messages sent later are dropped, since nobody could ever handle them.
 */
export interface RunPatch {
  state?: RunState
  wakeAt?: number | null
  finishedAt?: number | null
  note?: string | null
  /** Hand the run back: owner becomes null. */
  release?: boolean
}

export interface Commit {
  runId: string
  owner: Owner
  /** The last sequence number the committer has seen; 0 creates the run. */
  expectedSeq: number
  /** Dense from expectedSeq + 1. May be empty when only `handled`, `patch` or `tasks` matter. */
  events: RunEvent[]
  /** With expectedSeq 0 only. `key`: idempotency key, unique in the store; `inputHash` tells same from other input. */
  create?: { workflow: string; definition: string; key?: string; parent?: string; inputHash: string; createdAt: number }
  patch?: RunPatch
  /** Inbox ids that this commit has handled: removed with it, or not at all. */
  handled?: number[]
  /** Tasks for other processes' pools. Local pools' tasks are never written. */
  tasks?: QueuedTask[]
  /** Tokens of this run's queued tasks that are not wanted any more; a holder learns it from `renewTasks`. */
  withdrawn?: number[]
}

/** Stands for shell steps among the workers that a process serves; no worker can have this name. */
export const SHELL_WORKER = '$shell'

/**
 * `ok`: durable. `conflict`: the history is not at expectedSeq (somebody else wrote). `fenced`: the owner's epoch is
 * over, or the run belongs to another. `exists`: create only; a run with that key or id is there, `runId` names it and
 * `sameInput` says whether workflow and input were the same. Nothing of a commit that is not `ok` was written.
 */
export type CommitResult =
  | { status: 'ok' }
  | { status: 'conflict'; seq: number }
  | { status: 'fenced' }
  | { status: 'exists'; runId: string; sameInput: boolean }

export interface QueuedTask {
  queue: string
  /** 0..9, 9 first. */
  priority: number
  task: Task
}

export interface ClaimedTask {
  task: Task
  leaseUntil: number
}

export interface InboxItem {
  id: number
  runId: string
  message: Message
}

export type ClaimResult =
  | { status: 'ok'; record: RunRecord; previousOwner: string | null }
  | { status: 'held'; by: ProcessRecord }
  | { status: 'final'; record: RunRecord }
  | { status: 'missing' }

export interface ListFilter {
  states?: RunState[]
  workflow?: string
  since?: number
  /** Children of that run only; null: runs that are nobody's children. */
  parent?: string | null
  limit: number
  /** Opaque, from the previous page. */
  cursor?: string
}

/** Who holds a slot of a key: a step of a run, or with path '' the run itself. */
export interface SlotHolder {
  key: string
  runId: string
  path: string
  /** Epoch ms. */
  since: number
}

export type SlotResult = { taken: true } | { taken: false; holders: SlotHolder[] }

export interface LogLine {
  runId: string
  path: string
  attempt: number
  at: number
  level: 'debug' | 'info' | 'warn' | 'error'
  message: string
  fields?: Json
}

export interface CheckResult {
  name: string
  ok: boolean
  detail: string
  hint?: string
}

export interface Backend {
  readonly kind: 'memory' | 'sqlite' | 'redis'
  /** For people: the file's path or the address without password. */
  readonly location: string

  /** Announces a process and gives it the right to write for `leaseMs` from now by the store's clock. */
  join(info: ProcessInfo, leaseMs: number): Promise<Owner>
  /** Extends the lease. False: fenced or unknown; the caller must stop writing at once. */
  renew(owner: Owner, leaseMs: number, busy: number): Promise<boolean>
  /** Goodbye: its runs and tasks can be taken by anyone from now on. Idempotent. */
  leave(owner: Owner): Promise<void>
  processes(): Promise<ProcessRecord[]>
  /**
   * Ends another process's right to write. Refused (false) while its lease lasts, unless `proof` says that the
   * caller knows it to be dead (same host, pid gone). True also when it had left or was fenced already.
   */
  fence(processId: string, proof?: 'dead'): Promise<boolean>

  /** Content-addressed and immutable: a second put of a hash is a no-op. Durable when it resolves. */
  putDefinition(hash: string, text: string): Promise<void>
  definition(hash: string): Promise<string | undefined>

  /** Results in the batch's order. Each commit is atomic; commits of one batch may share a transaction but not a fate. */
  commit(batch: Commit[]): Promise<CommitResult[]>
  /**
   * Makes the caller the run's owner: it is nobody's, its owner has left or is fenced, or it is the caller's already.
   * `held` otherwise. Final runs are never claimed. Rejects with STORE_FENCED when the caller's own epoch is over.
   */
  claim(runId: string, owner: Owner): Promise<ClaimResult>

  /**
   * As `claim`, and a final run becomes open again (`running`, nothing else of it changes): only for a recorded retry. Its
   * history is the caller's to append to.
   */
  reopen(runId: string, owner: Owner): Promise<ClaimResult>

  run(runId: string): Promise<RunRecord | undefined>
  /** Ids that begin with the prefix (case-insensitive), at most `limit`. */
  find(prefix: string, limit: number): Promise<string[]>
  /** Newest first by (createdAt, id). */
  list(filter: ListFilter): Promise<{ items: RunRecord[]; nextCursor: string | null }>
  /** Events with seq > after, in order, at most about `limit` (whole commits are never split). */
  history(runId: string, after: number, limit?: number): Promise<RunEvent[]>

  /** Puts a message into a run's inbox. False: no such run. Kept, once each, in order, until a commit handles it. */
  send(runId: string, message: Message): Promise<boolean>
  /** Unhandled messages of runs that this owner owns, oldest first. */
  inbox(owner: Owner, limit: number): Promise<InboxItem[]>
  /** Unhandled messages of one run, oldest first. */
  inboxOf(runId: string): Promise<InboxItem[]>

  /** The owner's runs with wakeAt <= now, earliest first. Nobody's are `orphans`: they must be claimed before they move. */
  due(owner: Owner, now: number, limit: number): Promise<RunRecord[]>
  /** The earliest wakeAt of the owner's runs, or null. */
  nextWake(owner: Owner): Promise<number | null>
  /**
   * Runs that are not final and whose owner is null, has left or is fenced, or whose lease has lapsed. Those with
   * unhandled messages come first, then nobody's runs that no wakeAt would bring back.
   */
  orphans(limit: number): Promise<RunRecord[]>

  /** Takes up to `limit` queued tasks for the given workers, highest priority first, then oldest; leases them. */
  claimTasks(request: { owner: Owner; queues: string[]; workers: string[]; limit: number; leaseMs: number }): Promise<ClaimedTask[]>
  /** Extends the leases of tasks the owner holds; returns the tokens (`runId/token`) that it no longer holds. */
  renewTasks(owner: Owner, tasks: Array<{ runId: string; token: number }>, leaseMs: number): Promise<string[]>
  /** Removes a held task and puts its outcome into the run's inbox, in one step. False: no longer held, nothing done. */
  settleTask(owner: Owner, task: { runId: string; token: number }, outcome: Message): Promise<boolean>
  /** Tasks whose lease has lapsed or whose holder was fenced or left: each removed and a `lost` outcome sent. Returns how many. */
  reapTasks(now: number, limit: number): Promise<number>

  /** One of `limit` places of a key, over all runs. A holder that asks again has it already. Slots end with their run only through `freeSlots`. */
  takeSlot(request: { key: string; limit: number; runId: string; path: string }): Promise<SlotResult>
  /** Idempotent. */
  freeSlots(slots: Array<{ key: string; runId: string; path: string }>): Promise<void>
  slots(filter: { key: string } | { runId: string }): Promise<SlotHolder[]>
  /** A small value shared by all runs; undefined where there is none or its time is over. */
  value(key: string): Promise<{ value: Json; version: number } | undefined>
  /** `version`: only if it is that one still, 0 for none; else whatever is there is replaced. False: somebody was quicker. */
  putValue(request: { key: string; value: Json; version?: number; ttlMs?: number }): Promise<boolean>

  /** Called with a hint that something may have changed through another process or handle. Never relied upon alone. */
  watch(listener: () => void): () => void

  appendLogs(lines: LogLine[]): Promise<void>
  logs(runId: string, query: { path?: string; after?: number; limit: number }): Promise<Array<LogLine & { no: number }>>

  /** For `mag doctor`. */
  check(): Promise<CheckResult[]>
  close(): Promise<void>
}

/** Time for a backend: epoch milliseconds. Injected, so that the simulator's is virtual. */
export type Now = () => number
