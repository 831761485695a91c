/** What all handles on a memory store share: plain collections, and the one place where a commit is applied. */
import { isFinal } from '../model/event.ts'
import type { Message } from '../model/message.ts'
import type { Commit, CommitResult, Now, Owner, ProcessRecord, RunRecord, SlotHolder } from './backend.ts'
import { isGone, servedBy } from './common.ts'

export interface StoredRun {
  record: RunRecord
  inputHash: string
  /** The history's last sequence number; `record.seq` lags behind it by design. */
  seq: number
  commits: Array<{ first: number; last: number; events: string }>
  logs: Array<{ no: number; line: string }>
}

export interface StoredTask {
  no: number
  runId: string
  token: number
  queue: string
  worker: string
  priority: number
  task: string
  holder: string | null
  leaseUntil: number
}

export interface StoredMessage {
  id: number
  runId: string
  message: string
}

export class MemoryData {
  readonly now: Now
  readonly runs = new Map<string, StoredRun>()
  /** The runs that are not final, so that no cost grows with finished ones. */
  readonly open = new Set<StoredRun>()
  readonly keys = new Map<string, string>()
  readonly processes = new Map<string, ProcessRecord>()
  readonly definitions = new Map<string, string>()
  readonly listeners = new Map<object, Set<() => void>>()
  readonly slots = new Map<string, SlotHolder[]>()
  readonly values = new Map<string, { value: string; version: number; expires: number }>()
  inbox: StoredMessage[] = []
  tasks: StoredTask[] = []
  #counter = 0

  constructor(now: Now) {
    this.now = now
  }

  next(): number {
    this.#counter += 1
    return this.#counter
  }

  live(owner: Owner): ProcessRecord | undefined {
    const process = this.processes.get(owner.id)
    return process && process.state === 'live' && process.epoch === owner.epoch ? process : undefined
  }

  gone(id: string | null): boolean {
    const process = id === null ? undefined : this.processes.get(id)
    return !process || isGone(process, this.now())
  }

  apply(commit: Commit): CommitResult {
    if (!this.live(commit.owner)) return { status: 'fenced' }
    const existing = this.runs.get(commit.runId)
    if (commit.create) return this.#create(commit, commit.create, existing)
    if (!existing) return { status: 'conflict', seq: 0 }
    if (existing.record.owner !== commit.owner.id) return { status: 'fenced' }
    if (existing.seq !== commit.expectedSeq) return { status: 'conflict', seq: existing.seq }
    this.#write(existing, commit)
    return { status: 'ok' }
  }

  #create(commit: Commit, create: NonNullable<Commit['create']>, sameId: StoredRun | undefined): CommitResult {
    const { workflow, definition, key = null, parent = null, inputHash, createdAt } = create
    const existing = sameId ?? this.runs.get(key === null ? '' : (this.keys.get(key) ?? ''))
    if (existing) {
      const sameInput = existing.record.workflow === workflow && existing.inputHash === inputHash
      return { status: 'exists', runId: existing.record.id, sameInput }
    }
    const record: RunRecord = {
      id: commit.runId, workflow, definition, key, parent, state: 'pending', seq: 0, owner: commit.owner.id, wakeAt: null,
      createdAt, updatedAt: createdAt, finishedAt: null, note: null,
    }
    const run: StoredRun = { record, inputHash, seq: 0, commits: [], logs: [] }
    this.runs.set(record.id, run)
    this.open.add(run)
    if (key !== null) this.keys.set(key, record.id)
    this.#write(run, commit)
    return { status: 'ok' }
  }

  #write(run: StoredRun, commit: Commit): void {
    const { events, patch, handled, tasks, withdrawn, runId } = commit
    if (events.length > 0) {
      run.commits.push({ first: run.seq + 1, last: run.seq + events.length, events: JSON.stringify(events) })
      run.seq += events.length
    }
    if (handled?.length) this.inbox = this.inbox.filter((item) => item.runId !== runId || !handled.includes(item.id))
    if (withdrawn?.length) this.tasks = this.tasks.filter((task) => task.runId !== runId || !withdrawn.includes(task.token))
    for (const { queue, priority, task } of tasks ?? []) {
      if (this.tasks.some((other) => other.runId === runId && other.token === task.token)) continue
      const text = JSON.stringify(task)
      this.tasks.push({ no: this.next(), runId, token: task.token, queue, worker: servedBy(task), priority, task: text, holder: null, leaseUntil: 0 })
    }
    if (patch) this.#patch(run, patch)
  }

  #patch(run: StoredRun, patch: NonNullable<Commit['patch']>): void {
    const { record } = run
    record.seq = run.seq
    record.updatedAt = this.now()
    if (patch.state !== undefined) record.state = patch.state
    if (patch.wakeAt !== undefined) record.wakeAt = patch.wakeAt
    if (patch.finishedAt !== undefined) record.finishedAt = patch.finishedAt
    if (patch.note !== undefined) record.note = patch.note
    if (patch.release) record.owner = null
    if (!isFinal(record.state)) return
    record.owner = null
    record.wakeAt = null
    this.open.delete(run)
    this.inbox = this.inbox.filter((item) => item.runId !== record.id)
    this.tasks = this.tasks.filter((task) => task.runId !== record.id)
  }

  send(runId: string, message: Message): boolean {
    const run = this.runs.get(runId)
    if (!run) return false
    if (this.open.has(run)) this.inbox.push({ id: this.next(), runId, message: JSON.stringify(message) })
    return true
  }
}
