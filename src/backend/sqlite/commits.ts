/**
 * The hot path: carrying out commits within a write transaction. Usually one INSERT and no SELECT per commit.
 *
 * Why no SELECT is needed. What this handle knows of a run (no, last seq, owner) was true when it read or wrote it, and
 * `writer.generation` moves on as soon as any other connection has committed anything (PRAGMA data_version, read after
 * BEGIN IMMEDIATE, when nobody else can write) or a transaction of ours was undone. So within one generation all that
 * happened to the file is what this handle did itself, and every method that changes a run's owner, a process's state or
 * a history passes through here or calls `forget…`. Knowledge of an older generation is read again before it is used;
 * with several writing processes that costs one indexed SELECT per commit, never correctness. UNIQUE(run, seq) stays
 * as the last fence: should the argument ever be wrong, the file still refuses a second history.
 */
import { isFinal } from '../../model/event.ts'
import type { Commit, CommitResult, Owner, QueuedTask, RunPatch } from '../backend.ts'
import { checkShape, servedBy } from '../common.ts'
import { checksum } from './schema.ts'
import type { Writer } from './writer.ts'

/** Runs remembered at once; beyond it all are forgotten and read again. */
const KNOWN_LIMIT = 100_000

/** A process's id is `p` and its number, which is its epoch too: numbers are never used twice in a store. */
export function processId(no: number): string {
  return `p${no}`
}

export function processNo(id: string): number {
  return /^p\d{1,15}$/.test(id) ? Number(id.slice(1)) : 0
}

/** A commit whose data is text already: what is no JSON fails before any transaction has begun. */
export interface PreparedCommit {
  commit: Commit
  events: string
  tasks: string[]
}

export function prepareCommit(commit: Commit): PreparedCommit {
  checkShape(commit)
  return {
    commit,
    events: commit.events.length > 0 ? JSON.stringify(commit.events) : '',
    tasks: commit.tasks ? commit.tasks.map((queued) => JSON.stringify(queued.task)) : [],
  }
}

interface KnownRun {
  no: number
  seq: number
  owner: number | null
  generation: number
}

const INSERT_RUN = `INSERT INTO run(id, workflow, definition, key, parent, input_hash, state, open, seq, owner, wake_at, created_at, updated_at,
  finished_at, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
const INSERT_HISTORY = 'INSERT INTO history(run, seq, last, at, sum, events) VALUES (?, ?, ?, ?, ?, ?)'
const SELECT_KNOWN = `SELECT no, owner, coalesce((SELECT last FROM history WHERE run = run.no ORDER BY history.seq DESC LIMIT 1), 0) AS seq
  FROM run WHERE id = ?`
const SELECT_EXISTING = 'SELECT id, workflow, input_hash AS inputHash FROM run WHERE id = ?1 UNION ALL SELECT id, workflow, input_hash FROM run WHERE key = ?2'
const INSERT_TASK = `INSERT INTO task(run, token, queue, worker, priority, task, holder, lease_until) VALUES (?, ?, ?, ?, ?, ?, NULL, 0)
  ON CONFLICT DO NOTHING`

export class Commits {
  readonly #writer: Writer
  readonly #runs = new Map<string, KnownRun>()
  readonly #live = new Map<string, number>()
  #liveGeneration = -1

  constructor(writer: Writer) {
    this.#writer = writer
  }

  forgetRun(id: string): void {
    this.#runs.delete(id)
  }

  forgetProcesses(): void {
    this.#live.clear()
  }

  /** Within a transaction: the owner may write now. */
  live(owner: Owner): boolean {
    if (this.#liveGeneration !== this.#writer.generation) {
      this.#live.clear()
      this.#liveGeneration = this.#writer.generation
    }
    if (this.#live.get(owner.id) === owner.epoch) return true
    if (owner.id !== processId(owner.epoch)) return false
    if (!this.#writer.row("SELECT 1 FROM process WHERE no = ? AND state = 'live'", owner.epoch)) return false
    this.#live.set(owner.id, owner.epoch)
    return true
  }

  apply(prepared: PreparedCommit): CommitResult {
    const { commit } = prepared
    if (!this.live(commit.owner)) return { status: 'fenced' }
    if (commit.create) return this.#create(prepared, commit.create)
    const run = this.#known(commit.runId)
    if (!run) return { status: 'conflict', seq: 0 }
    if (run.owner !== commit.owner.epoch) return { status: 'fenced' }
    if (run.seq !== commit.expectedSeq) return { status: 'conflict', seq: run.seq }
    this.#append(run, prepared)
    if (commit.patch) this.#patch(run, commit.patch, commit.runId)
    return { status: 'ok' }
  }

  #known(id: string): KnownRun | undefined {
    const { generation } = this.#writer
    const known = this.#runs.get(id)
    if (known?.generation === generation) return known
    const row = this.#writer.row<Omit<KnownRun, 'generation'>>(SELECT_KNOWN, id)
    if (!row) return undefined
    return this.#remember(id, { no: row.no, seq: row.seq, owner: row.owner, generation })
  }

  #remember(id: string, run: KnownRun): KnownRun {
    if (this.#runs.size >= KNOWN_LIMIT) this.#runs.clear()
    this.#runs.set(id, run)
    return run
  }

  #create(prepared: PreparedCommit, create: NonNullable<Commit['create']>): CommitResult {
    const { runId, owner, events, patch = {} } = prepared.commit
    const { workflow, definition, key = null, parent = null, inputHash, createdAt } = create
    const { state = 'pending' } = patch
    const final = isFinal(state)
    const holder = final || patch.release ? null : owner.epoch
    const { changes, lastInsertRowid } = this.#writer.statement(INSERT_RUN).run(
      runId, workflow, definition, key, parent, inputHash, state, final ? 0 : 1, prepared.commit.patch ? events.length : 0, holder,
      final ? null : (patch.wakeAt ?? null), createdAt, prepared.commit.patch ? this.#writer.now() : createdAt, patch.finishedAt ?? null, encodeNote(patch.note),
    )
    if (changes === 0) return this.#existing(runId, key, workflow, inputHash)
    const run: KnownRun = { no: Number(lastInsertRowid), seq: 0, owner: holder, generation: this.#writer.generation }
    this.#append(run, prepared)
    if (final) this.#discard(run.no)
    if (holder !== null) this.#remember(runId, run)
    return { status: 'ok' }
  }

  #existing(id: string, key: string | null, workflow: string, inputHash: string): CommitResult {
    const row = this.#writer.row<{ id: string; workflow: string; inputHash: string }>(SELECT_EXISTING, id, key)
    if (!row) throw new Error(`broken invariant: ${id} neither created nor there`)
    return { status: 'exists', runId: row.id, sameInput: row.workflow === workflow && row.inputHash === inputHash }
  }

  #append(run: KnownRun, { commit, events: text, tasks: texts }: PreparedCommit): void {
    const { events, handled, tasks, withdrawn } = commit
    const last = events[events.length - 1]
    if (last) {
      this.#writer.statement(INSERT_HISTORY).run(run.no, run.seq + 1, last.seq, last.at, checksum(text), text)
      run.seq = last.seq
    }
    if (handled) for (const id of handled) this.#writer.statement('DELETE FROM inbox WHERE id = ? AND run = ?').run(id, run.no)
    if (withdrawn) for (const token of withdrawn) this.#writer.statement('DELETE FROM task WHERE run = ? AND token = ?').run(run.no, token)
    if (tasks) for (const [index, queued] of tasks.entries()) this.#enqueue(run.no, queued, texts[index] ?? '')
  }

  #enqueue(run: number, { queue, priority, task }: QueuedTask, text: string): void {
    this.#writer.statement(INSERT_TASK).run(run, task.token, queue, servedBy(task), priority, text)
  }

  #patch(run: KnownRun, patch: RunPatch, id: string): void {
    const final = patch.state !== undefined && isFinal(patch.state)
    const columns = ['seq = ?', 'updated_at = ?']
    const values: Array<string | number | null> = [run.seq, this.#writer.now()]
    const set = (column: string, value: string | number | null) => {
      columns.push(`${column} = ?`)
      values.push(value)
    }
    if (patch.state !== undefined) set('state', patch.state)
    if (patch.finishedAt !== undefined) set('finished_at', patch.finishedAt)
    if (patch.note !== undefined) set('note', encodeNote(patch.note))
    if (final) columns.push('open = 0', 'owner = NULL', 'wake_at = NULL')
    else {
      if (patch.wakeAt !== undefined) set('wake_at', patch.wakeAt)
      if (patch.release) columns.push('owner = NULL')
    }
    values.push(run.no)
    this.#writer.statement(`UPDATE run SET ${columns.join(', ')} WHERE no = ?`).run(...values)
    if (final) this.#discard(run.no)
    // Released, final or gone to sleep: not worth remembering, however many of them there are.
    if (final || patch.release || typeof patch.wakeAt === 'number') this.#runs.delete(id)
  }

  /** Nobody can handle these any more. */
  #discard(run: number): void {
    this.#writer.statement('DELETE FROM inbox WHERE run = ?').run(run)
    this.#writer.statement('DELETE FROM task WHERE run = ?').run(run)
  }
}

/** Notes may quote anything; as JSON text even half a surrogate pair or a NUL survives the way through UTF-8. */
export function encodeNote(note: string | null | undefined): string | null {
  return note === null || note === undefined ? null : JSON.stringify(note)
}
