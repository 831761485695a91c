/**
 * Small rules that every backend must follow alike: who may write, how pages are named, what a lost task says.
 * Pure; knows no store.
 */
import type { Task } from '../model/command.ts'
import { MagError } from '../model/error.ts'
import type { Message } from '../model/message.ts'
import { type Commit, type ProcessRecord, type RunRecord, SHELL_WORKER } from './backend.ts'

/** The process's runs and tasks may be taken without asking it. */
export function isGone(process: ProcessRecord, now: number): boolean {
  return process.state !== 'live' || process.leaseUntil <= now
}

/** Which worker name serves a task. */
export function servedBy(task: Task): string {
  return task.target.kind === 'worker' ? task.target.worker : SHELL_WORKER
}

/** The outcome of an attempt whose holder vanished. */
export function lostOutcome(task: Task, reason: string): Message {
  return {
    type: 'outcome',
    path: task.path,
    token: task.token,
    result: {
      ok: false,
      how: 'lost',
      error: { code: 'LOST', message: reason, retryable: true, step: task.path, attempt: task.attempt },
    },
  }
}

/** Newest first by (createdAt, id). */
export function newestFirst(a: RunRecord, b: RunRecord): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)
}

export interface PageMark {
  createdAt: number
  id: string
}

export function formatCursor(record: RunRecord): string {
  return `${record.createdAt}:${record.id}`
}

export function parseCursor(cursor: string | undefined): PageMark | null {
  if (cursor === undefined) return null
  const match = /^(\d{1,16}):(.+)$/s.exec(cursor)
  if (!match) {
    throw new MagError('STORE_CURSOR', 'this page cursor was not given by this store', {
      hint: 'start again without a cursor',
      exitCode: 2,
    })
  }
  return { createdAt: Number(match[1]), id: String(match[2]) }
}

/** A commit that breaks its own shape is a fault in the caller; found before anything is written. */
export function checkShape(commit: Commit): void {
  const { events, expectedSeq, create, runId } = commit
  let seq = expectedSeq
  for (const event of events) {
    seq += 1
    if (event.seq !== seq) throw new Error(`broken invariant: events of ${runId} are not dense after ${expectedSeq}`)
  }
  if (create && expectedSeq !== 0) throw new Error(`broken invariant: ${runId} is created at ${expectedSeq}`)
}

export function fencedError(): MagError {
  return new MagError('STORE_FENCED', 'this process has lost its right to write to the store', {
    hint: 'another process has taken over its runs; start a new process',
    exitCode: 7,
  })
}

export function closedError(location: string): MagError {
  return new MagError('STORE_CLOSED', `the store ${location} is closed`, { exitCode: 7 })
}
