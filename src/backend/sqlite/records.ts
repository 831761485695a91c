/** Reading: rows become records. Nothing here writes, and no query's cost grows with finished runs unless it lists them. */
import type { RunEvent, RunState } from '../../model/event.ts'
import type { Message } from '../../model/message.ts'
import type { InboxItem, ListFilter, Owner, ProcessInfo, ProcessRecord, RunRecord } from '../backend.ts'
import { formatCursor, newestFirst, parseCursor } from '../common.ts'
import { processId } from './commits.ts'
import { corruptError } from './fault.ts'
import { checksum } from './schema.ts'
import type { Writer } from './writer.ts'

export const RUN_COLUMNS = `run.no, run.id, run.workflow, run.definition, run.key, run.parent, run.state, run.seq, run.owner, run.wake_at AS wakeAt,
  run.created_at AS createdAt, run.updated_at AS updatedAt, run.finished_at AS finishedAt, run.note`

const ALL_STATES: readonly RunState[] = [
  'pending', 'running', 'waiting', 'paused', 'compensating', 'completed', 'failed', 'compensated', 'cancelled', 'timed_out', 'compensation_failed',
]

/** Exported so that a test can ask SQLite how it would carry them out. */
export const QUERIES = {
  run: `SELECT ${RUN_COLUMNS} FROM run WHERE id = ?`,
  find: 'SELECT id FROM run WHERE id >= ? AND id < ? ORDER BY id LIMIT ?',
  list: `SELECT ${RUN_COLUMNS} FROM run WHERE state = ?1 AND created_at >= ?2 AND (created_at, id) < (?3, ?4) AND (?5 IS NULL OR workflow = ?5)
    AND (?6 = 0 OR parent IS NULL) ORDER BY created_at DESC, id DESC LIMIT ?7`,
  children: `SELECT ${RUN_COLUMNS} FROM run WHERE parent = ? AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?`,
  history: `SELECT seq, last, sum, events FROM history WHERE run = ?1
    AND seq >= coalesce((SELECT max(seq) FROM history WHERE run = ?1 AND seq <= ?2), 0) ORDER BY seq LIMIT ?3`,
  inbox: `SELECT inbox.id, run.id AS runId, inbox.message FROM inbox CROSS JOIN run ON run.no = inbox.run WHERE run.owner = ? ORDER BY inbox.id LIMIT ?`,
  inboxOf: 'SELECT id, message FROM inbox WHERE run = (SELECT no FROM run WHERE run.id = ?) ORDER BY id',
  due: `SELECT ${RUN_COLUMNS} FROM run WHERE open = 1 AND owner IS ? AND wake_at <= ? ORDER BY wake_at LIMIT ?`,
  nextWake: 'SELECT wake_at AS wakeAt FROM run WHERE open = 1 AND owner IS ? AND wake_at IS NOT NULL ORDER BY wake_at LIMIT 1',
  orphansTold: `SELECT ${RUN_COLUMNS} FROM (SELECT DISTINCT run AS no FROM inbox) told CROSS JOIN run ON run.no = told.no
    LEFT JOIN process ON process.no = run.owner WHERE run.open = 1 AND (process.no IS NULL OR process.state <> 'live' OR process.lease_until <= ?) LIMIT ?`,
  orphansOwned: `SELECT ${RUN_COLUMNS} FROM process CROSS JOIN run ON run.owner = process.no
    WHERE (process.state <> 'live' OR process.lease_until <= ?) AND run.open = 1 LIMIT ?`,
  orphansFree: `SELECT ${RUN_COLUMNS} FROM run WHERE open = 1 AND owner IS NULL ORDER BY wake_at LIMIT ?`,
  processes: 'SELECT no, info, joined_at AS joinedAt, lease_until AS leaseUntil, state, busy FROM process ORDER BY no',
  process: 'SELECT no, info, joined_at AS joinedAt, lease_until AS leaseUntil, state, busy FROM process WHERE no = ?',
} as const

export interface RunRow extends Omit<RunRecord, 'owner'> {
  no: number
  owner: number | null
}

interface ProcessRow {
  no: number
  info: string
  joinedAt: number
  leaseUntil: number
  state: ProcessRecord['state']
  busy: number
}

interface HistoryRow {
  seq: number
  last: number
  sum: number
  events: string
}

export class Records {
  readonly #writer: Writer

  constructor(writer: Writer) {
    this.#writer = writer
  }

  run(id: string): RunRecord | undefined {
    const row = this.#writer.row<RunRow>(QUERIES.run, id)
    return row && this.toRecord(row)
  }

  toRecord(row: RunRow): RunRecord {
    const { id, workflow, definition, key, parent, state, seq, wakeAt, createdAt, updatedAt, finishedAt } = row
    const owner = row.owner === null ? null : processId(row.owner)
    const note = row.note === null ? null : this.parse<string>(row.note)
    return { id, workflow, definition, key, parent, state, seq, owner, wakeAt, createdAt, updatedAt, finishedAt, note }
  }

  parse<T>(text: string): T {
    try {
      return JSON.parse(text) as T
    } catch (error) {
      throw corruptError(this.#writer.path, 'a row holds no JSON', error)
    }
  }

  /** Ids are upper case before the first dash and lower case behind it, so a prefix of either case has one stored form. */
  find(prefix: string, limit: number): string[] {
    const start = prefix.slice(0, 3).toUpperCase() + prefix.slice(3).toLowerCase()
    return this.#writer.rows<{ id: string }>(QUERIES.find, start, `${start}\u{10ffff}`, limit).map((row) => row.id)
  }

  /** One range of the index (state, created_at, id) for each state that is wanted, merged: the index serves every filter. */
  list(filter: ListFilter): { items: RunRecord[]; nextCursor: string | null } {
    const { states = ALL_STATES, workflow = null, since = Number.MIN_SAFE_INTEGER, parent, limit } = filter
    const mark = parseCursor(filter.cursor) ?? { createdAt: Number.MAX_SAFE_INTEGER, id: '' }
    const rows = typeof parent === 'string'
      ? this.#writer.rows<RunRow>(QUERIES.children, parent, mark.createdAt, mark.id, -1).filter((row) => states.includes(row.state) && row.createdAt >= since && (workflow === null || row.workflow === workflow))
      : [...new Set(states)].flatMap((state) => this.#writer.rows<RunRow>(QUERIES.list, state, since, mark.createdAt, mark.id, workflow, parent === null ? 1 : 0, limit + 1))
    const found = rows.map((row) => this.toRecord(row)).sort(newestFirst)
    const items = found.slice(0, limit)
    const last = items.at(-1)
    return { items, nextCursor: last && found.length > limit ? formatCursor(last) : null }
  }

  history(runId: string, after: number, limit = Number.POSITIVE_INFINITY): RunEvent[] {
    const run = this.#writer.row<{ no: number }>('SELECT no FROM run WHERE id = ?', runId)
    const events: RunEvent[] = []
    if (!run) return events
    // No commit in the history is without events, so as many rows are always enough.
    const rows = this.#writer.rows<HistoryRow>(QUERIES.history, run.no, after + 1, Number.isFinite(limit) ? limit : -1)
    let expected: number | undefined
    for (const row of rows) {
      if (events.length >= limit) break
      const dense = expected === undefined ? row.seq <= after + 1 : row.seq === expected
      if (!dense || checksum(row.events) !== row.sum) {
        throw corruptError(this.#writer.path, `the history of ${runId} is broken at event ${expected ?? row.seq}`)
      }
      expected = row.last + 1
      for (const event of this.parse<RunEvent[]>(row.events)) if (event.seq > after) events.push(event)
    }
    return events
  }

  inbox(owner: Owner, limit: number): InboxItem[] {
    const rows = this.#writer.rows<{ id: number; runId: string; message: string }>(QUERIES.inbox, owner.epoch, limit)
    return rows.map((row) => ({ id: row.id, runId: row.runId, message: this.parse<Message>(row.message) }))
  }

  inboxOf(runId: string): InboxItem[] {
    const rows = this.#writer.rows<{ id: number; message: string }>(QUERIES.inboxOf, runId)
    return rows.map((row) => ({ id: row.id, runId, message: this.parse<Message>(row.message) }))
  }

  due(owner: Owner, now: number, limit: number): RunRecord[] {
    return this.#writer.rows<RunRow>(QUERIES.due, owner.epoch, now, limit).map((row) => this.toRecord(row))
  }

  nextWake(owner: Owner): number | null {
    return this.#writer.row<{ wakeAt: number }>(QUERIES.nextWake, owner.epoch)?.wakeAt ?? null
  }

  orphans(limit: number): RunRecord[] {
    const now = this.#writer.now()
    const found = new Map<number, RunRow>()
    const take = (rows: RunRow[]) => {
      for (const row of rows) if (found.size < limit) found.set(row.no, row)
    }
    take(this.#writer.rows(QUERIES.orphansTold, now, limit))
    // The earlier ones may come again, so that many more are asked for.
    take(this.#writer.rows(QUERIES.orphansOwned, now, limit + found.size))
    take(this.#writer.rows(QUERIES.orphansFree, limit + found.size))
    return [...found.values()].map((row) => this.toRecord(row))
  }

  processes(): ProcessRecord[] {
    return this.#writer.rows<ProcessRow>(QUERIES.processes).map((row) => this.#toProcess(row))
  }

  process(no: number): ProcessRecord | undefined {
    const row = this.#writer.row<ProcessRow>(QUERIES.process, no)
    return row && this.#toProcess(row)
  }

  #toProcess(row: ProcessRow): ProcessRecord {
    const { no, joinedAt, leaseUntil, state, busy } = row
    return { ...this.parse<ProcessInfo>(row.info), id: processId(no), epoch: no, joinedAt, leaseUntil, state, busy }
  }
}
