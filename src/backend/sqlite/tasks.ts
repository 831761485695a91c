/** Tasks that other processes' pools serve. All methods are to be called within a write transaction. */
import type { Task } from '../../model/command.ts'
import type { Message } from '../../model/message.ts'
import type { ClaimedTask, Owner } from '../backend.ts'
import { lostOutcome } from '../common.ts'
import type { Commits } from './commits.ts'
import type { Records } from './records.ts'
import type { Writer } from './writer.ts'

export interface TaskClaim {
  owner: Owner
  queues: string[]
  workers: string[]
  limit: number
  leaseMs: number
}

interface ReadyRow {
  no: number
  priority: number
  task: string
}

interface HeldRow {
  no: number
  run: number
  task: string
  leaseUntil: number
}

export const TASK_QUERIES = {
  ready: 'SELECT no, priority, task FROM task WHERE queue = ? AND worker = ? AND holder IS NULL ORDER BY priority DESC, no LIMIT ?',
  /** What is held is bounded by the pools' concurrency. */
  lost: `SELECT task.no, task.run, task.task, task.lease_until AS leaseUntil FROM task LEFT JOIN process ON process.no = task.holder
    WHERE task.holder IS NOT NULL AND (task.lease_until <= ? OR process.no IS NULL OR process.state <> 'live') ORDER BY task.no LIMIT ?`,
  held: 'SELECT no, run, task, lease_until AS leaseUntil FROM task WHERE run = (SELECT no FROM run WHERE id = ?) AND token = ? AND holder = ?',
  openRun: 'SELECT no, open FROM run WHERE id = ?',
  runIsOpen: 'SELECT open FROM run WHERE no = ?',
} as const

export class Tasks {
  readonly #writer: Writer
  readonly #commits: Commits
  readonly #records: Records

  constructor(parts: { writer: Writer; commits: Commits; records: Records }) {
    this.#writer = parts.writer
    this.#commits = parts.commits
    this.#records = parts.records
  }

  send(runId: string, message: string): boolean {
    const run = this.#writer.row<{ no: number; open: number }>(TASK_QUERIES.openRun, runId)
    if (run?.open) this.#deliver(run.no, message)
    return run !== undefined
  }

  #deliver(run: number, message: string): void {
    this.#writer.statement('INSERT INTO inbox(run, message) VALUES (?, ?)').run(run, message)
  }

  claim({ owner, queues, workers, limit, leaseMs }: TaskClaim): ClaimedTask[] {
    if (!this.#commits.live(owner)) return []
    const ready = queues.flatMap((queue) => workers.flatMap((worker) => this.#writer.rows<ReadyRow>(TASK_QUERIES.ready, queue, worker, limit)))
    ready.sort((a, b) => b.priority - a.priority || a.no - b.no)
    const leaseUntil = this.#writer.now() + leaseMs
    return ready.slice(0, limit).map(({ no, task: text }) => {
      const task = this.#records.parse<Task>(text)
      this.#writer.statement('UPDATE task SET holder = ?, lease_until = ? WHERE no = ?').run(owner.epoch, leaseUntil, no)
      return { task, leaseUntil }
    })
  }

  #held(owner: Owner, runId: string, token: number): HeldRow | undefined {
    return this.#commits.live(owner) ? this.#writer.row<HeldRow>(TASK_QUERIES.held, runId, token, owner.epoch) : undefined
  }

  renew(owner: Owner, tasks: Array<{ runId: string; token: number }>, leaseMs: number): string[] {
    const leaseUntil = this.#writer.now() + leaseMs
    const lost: string[] = []
    for (const { runId, token } of tasks) {
      const held = this.#held(owner, runId, token)
      if (held) this.#writer.statement('UPDATE task SET lease_until = ? WHERE no = ?').run(leaseUntil, held.no)
      else lost.push(`${runId}/${token}`)
    }
    return lost
  }

  settle(owner: Owner, task: { runId: string; token: number }, outcome: string): boolean {
    const held = this.#held(owner, task.runId, task.token)
    if (!held) return false
    this.#replace(held, outcome)
    return true
  }

  reap(now: number, limit: number): number {
    const lost = this.#writer.rows<HeldRow>(TASK_QUERIES.lost, now, limit)
    for (const row of lost) {
      const reason = row.leaseUntil <= now ? 'its worker stopped renewing its lease' : 'its worker process is gone'
      const outcome: Message = lostOutcome(this.#records.parse<Task>(row.task), reason)
      this.#replace(row, JSON.stringify(outcome))
    }
    return lost.length
  }

  #replace(row: HeldRow, outcome: string): void {
    this.#writer.statement('DELETE FROM task WHERE no = ?').run(row.no)
    if (this.#writer.row<{ open: number }>(TASK_QUERIES.runIsOpen, row.run)?.open) this.#deliver(row.run, outcome)
  }
}
