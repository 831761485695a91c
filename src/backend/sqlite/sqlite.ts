/**
 * The embedded store: one SQLite file in WAL mode, `synchronous=FULL`, shared by any number of processes on a machine.
 * Every write takes the write lock first (BEGIN IMMEDIATE), so that what it checks still holds when it writes; reads
 * are plain snapshots and wait for nobody. `commits.ts` has the argument for the fences, `writer.ts` the one for group
 * commit. Acknowledged means: COMMIT returned, and with it fsync.
 */
import { isFinal, type RunEvent } from '../../model/event.ts'
import type { Json } from '../../model/json.ts'
import type { Message } from '../../model/message.ts'
import type {
  Backend, CheckResult, ClaimedTask, ClaimResult, Commit, CommitResult, InboxItem, ListFilter, LogLine, Now, Owner, ProcessInfo,
  ProcessRecord, RunRecord, SlotHolder, SlotResult,
} from '../backend.ts'
import { closedError, fencedError, isGone } from '../common.ts'
import { Commits, prepareCommit, processId, processNo } from './commits.ts'
import { checkStore } from './doctor.ts'
import { openFile } from './file.ts'
import { Logs } from './logs.ts'
import { QUERIES, Records, type RunRow } from './records.ts'
import { Shared, type Slot } from './shared.ts'
import { type TaskClaim, Tasks } from './tasks.ts'
import { Watcher } from './watcher.ts'
import { Writer } from './writer.ts'

/** A process that has been gone for this long and owns nothing is no longer listed. */
const PRUNE_AFTER_MS = 3_600_000

const PRUNE = `DELETE FROM process WHERE lease_until < ? AND NOT EXISTS (SELECT 1 FROM run WHERE run.owner = process.no AND run.open = 1)
  AND NOT EXISTS (SELECT 1 FROM task WHERE task.holder = process.no)`

/** See Writer.write. */
const NOT_DURABLE = { durable: false }

export interface SqliteOptions {
  path: string
  now: Now
  readOnly?: boolean
}

/** Rejects with STORE_PATH, STORE_MISSING, STORE_READONLY, STORE_CORRUPT, STORE_NEWER, STORE_PRAGMA, STORE_BUSY (exit 7). */
export async function openSqlite({ path, now, readOnly = false }: SqliteOptions): Promise<Backend> {
  const db = await openFile({ path, readOnly })
  return new SqliteBackend(new Writer({ db, path, now, readOnly }))
}

class SqliteBackend implements Backend {
  readonly kind = 'sqlite'
  readonly location: string
  readonly #writer: Writer
  readonly #commits: Commits
  readonly #records: Records
  readonly #tasks: Tasks
  readonly #logs: Logs
  readonly #shared: Shared
  readonly #watcher: Watcher
  /** Definitions known to be in the store; they are immutable and never removed. */
  readonly #definitions = new Set<string>()
  #closed = false

  constructor(writer: Writer) {
    this.location = writer.path
    this.#writer = writer
    this.#commits = new Commits(writer)
    this.#records = new Records(writer)
    this.#tasks = new Tasks({ writer, commits: this.#commits, records: this.#records })
    this.#logs = new Logs(writer, this.#records)
    this.#shared = new Shared(writer, this.#records)
    this.#watcher = new Watcher(writer)
  }

  #write<T>(work: () => T, how?: { durable: boolean }): Promise<T> {
    return this.#closed ? Promise.reject(closedError(this.location)) : this.#writer.write(work, how)
  }

  async join(info: ProcessInfo, leaseMs: number): Promise<Owner> {
    const text = JSON.stringify(info)
    return this.#write(() => {
      const now = this.#writer.now()
      this.#writer.statement(PRUNE).run(now - PRUNE_AFTER_MS)
      this.#commits.forgetProcesses()
      const insert = this.#writer.statement("INSERT INTO process(info, joined_at, lease_until, state, busy) VALUES (?, ?, ?, 'live', 0)")
      const epoch = Number(insert.run(text, now, now + leaseMs).lastInsertRowid)
      return { id: processId(epoch), epoch }
    }, NOT_DURABLE)
  }

  async renew(owner: Owner, leaseMs: number, busy: number): Promise<boolean> {
    return this.#write(() => {
      if (!this.#commits.live(owner)) return false
      const update = this.#writer.statement('UPDATE process SET lease_until = ?, busy = ? WHERE no = ?')
      update.run(this.#writer.now() + leaseMs, busy, owner.epoch)
      return true
    }, NOT_DURABLE)
  }

  async leave(owner: Owner): Promise<void> {
    return this.#write(() => {
      if (this.#commits.live(owner)) this.#end(owner.epoch, 'left')
    }, NOT_DURABLE)
  }

  #end(no: number, state: 'left' | 'fenced'): void {
    this.#writer.statement('UPDATE process SET state = ? WHERE no = ?').run(state, no)
    this.#commits.forgetProcesses()
  }

  async processes(): Promise<ProcessRecord[]> {
    return this.#records.processes()
  }

  async fence(id: string, proof?: 'dead'): Promise<boolean> {
    return this.#write(() => {
      const process = this.#records.process(processNo(id))
      if (process?.state !== 'live') return true
      if (proof !== 'dead' && !isGone(process, this.#writer.now())) return false
      this.#end(process.epoch, 'fenced')
      return true
    })
  }

  async putDefinition(hash: string, text: string): Promise<void> {
    if (this.#definitions.has(hash)) return
    if ((await this.definition(hash)) === undefined) {
      await this.#write(() => {
        this.#writer.statement('INSERT INTO definition(hash, text) VALUES (?, ?) ON CONFLICT DO NOTHING').run(hash, JSON.stringify(text))
      })
    }
    this.#definitions.add(hash)
  }

  async definition(hash: string): Promise<string | undefined> {
    const row = this.#writer.row<{ text: string }>('SELECT text FROM definition WHERE hash = ?', hash)
    return row && this.#records.parse<string>(row.text)
  }

  commit(batch: Commit[]): Promise<CommitResult[]> {
    try {
      const prepared = batch.map(prepareCommit)
      return this.#write(() => prepared.map((commit) => this.#commits.apply(commit)))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async reopen(runId: string, owner: Owner): Promise<ClaimResult> {
    return this.#write(() => {
      if (!this.#commits.live(owner)) throw fencedError()
      const reopen = this.#writer.statement("UPDATE run SET open = 1, state = 'running', owner = NULL, finished_at = NULL, note = NULL, updated_at = ? WHERE id = ? AND open = 0")
      if (reopen.run(this.#writer.now(), runId).changes > 0) this.#commits.forgetRun(runId)
      return this.#claim(runId, owner)
    })
  }

  async claim(runId: string, owner: Owner): Promise<ClaimResult> {
    return this.#write(() => {
      if (!this.#commits.live(owner)) throw fencedError()
      return this.#claim(runId, owner)
    })
  }

  #claim(runId: string, owner: Owner): ClaimResult {
    const row = this.#writer.row<RunRow>(QUERIES.run, runId)
    if (!row) return { status: 'missing' }
    if (isFinal(row.state)) return { status: 'final', record: this.#records.toRecord(row) }
    const holder = row.owner === null ? undefined : this.#records.process(row.owner)
    if (holder && holder.epoch !== owner.epoch && holder.state === 'live') return { status: 'held', by: holder }
    this.#writer.statement('UPDATE run SET owner = ? WHERE no = ?').run(owner.epoch, row.no)
    this.#commits.forgetRun(runId)
    const previousOwner = row.owner === null ? null : processId(row.owner)
    return { status: 'ok', record: this.#records.toRecord({ ...row, owner: owner.epoch }), previousOwner }
  }

  async run(runId: string): Promise<RunRecord | undefined> {
    return this.#records.run(runId)
  }

  async find(prefix: string, limit: number): Promise<string[]> {
    return this.#records.find(prefix, limit)
  }

  async list(filter: ListFilter): Promise<{ items: RunRecord[]; nextCursor: string | null }> {
    return this.#records.list(filter)
  }

  async history(runId: string, after: number, limit?: number): Promise<RunEvent[]> {
    return this.#records.history(runId, after, limit)
  }

  async send(runId: string, message: Message): Promise<boolean> {
    const text = JSON.stringify(message)
    return this.#write(() => this.#tasks.send(runId, text))
  }

  async inbox(owner: Owner, limit: number): Promise<InboxItem[]> {
    return this.#records.inbox(owner, limit)
  }

  async inboxOf(runId: string): Promise<InboxItem[]> {
    return this.#records.inboxOf(runId)
  }

  async due(owner: Owner, now: number, limit: number): Promise<RunRecord[]> {
    return this.#records.due(owner, now, limit)
  }

  async nextWake(owner: Owner): Promise<number | null> {
    return this.#records.nextWake(owner)
  }

  async orphans(limit: number): Promise<RunRecord[]> {
    return this.#records.orphans(limit)
  }

  async claimTasks(request: TaskClaim): Promise<ClaimedTask[]> {
    return this.#write(() => this.#tasks.claim(request))
  }

  async renewTasks(owner: Owner, tasks: Array<{ runId: string; token: number }>, leaseMs: number): Promise<string[]> {
    return this.#write(() => this.#tasks.renew(owner, tasks, leaseMs))
  }

  async settleTask(owner: Owner, task: { runId: string; token: number }, outcome: Message): Promise<boolean> {
    const text = JSON.stringify(outcome)
    return this.#write(() => this.#tasks.settle(owner, task, text))
  }

  async reapTasks(now: number, limit: number): Promise<number> {
    return this.#write(() => this.#tasks.reap(now, limit))
  }

  async takeSlot(request: Slot & { limit: number }): Promise<SlotResult> {
    return this.#write(() => this.#shared.takeSlot(request))
  }

  async freeSlots(slots: Slot[]): Promise<void> {
    return this.#write(() => this.#shared.freeSlots(slots))
  }

  async slots(filter: { key: string } | { runId: string }): Promise<SlotHolder[]> {
    return this.#shared.slots(filter)
  }

  async value(key: string): Promise<{ value: Json; version: number } | undefined> {
    return this.#shared.value(key)
  }

  async putValue({ key, value, version, ttlMs }: { key: string; value: Json; version?: number; ttlMs?: number }): Promise<boolean> {
    const body = JSON.stringify(value)
    return this.#write(() => this.#shared.putValue({ key, body, ...(version === undefined ? {} : { version }), ...(ttlMs === undefined ? {} : { ttlMs }) }))
  }

  watch(listener: () => void): () => void {
    return this.#watcher.add(listener)
  }

  async appendLogs(lines: LogLine[]): Promise<void> {
    if (lines.length === 0) return
    return this.#write(() => this.#logs.append(lines), NOT_DURABLE)
  }

  async logs(runId: string, query: { path?: string; after?: number; limit: number }): Promise<Array<LogLine & { no: number }>> {
    return this.#logs.read(runId, query)
  }

  async check(): Promise<CheckResult[]> {
    return checkStore(this.#writer)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#watcher.close()
    this.#writer.close()
  }
}
