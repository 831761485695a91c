/** Short ways to say what a backend test is about. */
import assert from 'node:assert/strict'
import type { Backend, Commit, CommitResult, Owner, ProcessInfo, QueuedTask } from '../../src/backend/backend.ts'
import type { Task } from '../../src/model/command.ts'
import type { RunEvent } from '../../src/model/event.ts'
import type { Json } from '../../src/model/json.ts'
import type { Message } from '../../src/model/message.ts'

export const LEASE_MS = 10_000
export const START = 1_767_452_192_000

export const INFO: ProcessInfo = { host: 'here', pid: 42, startToken: 'boot-1', role: 'cli' }

/** What a suite needs of a kind of backend: handles on one store, and power over its clock. */
export interface World {
  open(): Promise<Backend>
  /** Moves the store's clock. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

/** By what is promised. */
export type Cases = Record<string, (world: World) => Promise<void>>

export function runId(index: number): string {
  return `TX-20260103-145632-${index.toString(36).padStart(8, '0')}`
}

/** `count` events after `after`, each carrying `output`. */
export function events(after: number, count: number, output: Json = { ok: true }): RunEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const seq = after + 1 + index
    return { seq, at: START + seq, type: 'step.completed', path: `step_${seq}`, token: seq, output }
  })
}

export interface CreateOptions {
  count?: number
  workflow?: string
  key?: string
  inputHash?: string
  createdAt?: number
  patch?: NonNullable<Commit['patch']>
}

export function creation(id: string, owner: Owner, options: CreateOptions = {}): Commit {
  const { count = 1, workflow = 'order', key, inputHash = 'input-1', createdAt = START, patch = { state: 'running' } } = options
  const create = { workflow, definition: 'hash-1', inputHash, createdAt, ...(key === undefined ? {} : { key }) }
  return { runId: id, owner, expectedSeq: 0, events: events(0, count), create, patch }
}

export async function one(backend: Backend, commit: Commit): Promise<CommitResult> {
  const results = await backend.commit([commit])
  assert.equal(results.length, 1)
  return results[0] ?? assert.fail('no result')
}

export async function created(backend: Backend, owner: Owner, index: number, options: CreateOptions = {}): Promise<string> {
  const id = runId(index)
  assert.deepEqual(await one(backend, creation(id, owner, options)), { status: 'ok' })
  return id
}

/** Appends to a run and expects success. */
export async function append(backend: Backend, commit: Omit<Commit, 'events'> & { events?: RunEvent[] }): Promise<void> {
  assert.deepEqual(await one(backend, { events: [], ...commit }), { status: 'ok' })
}

export function task(id: string, token: number, worker = 'charge'): Task {
  return {
    runId: id, workflow: 'order', path: `step_${token}`, stepId: `step_${token}`, purpose: 'step', attempt: 1, token,
    target: { kind: 'worker', worker }, input: { amount: 1 }, idempotencyKey: `${id}/step_${token}`,
  }
}

export function queued(id: string, token: number, options: { worker?: string; queue?: string; priority?: number } = {}): QueuedTask {
  return { queue: options.queue ?? 'default', priority: options.priority ?? 5, task: task(id, token, options.worker) }
}

export function done(token: number, output: Json = null): Message {
  return { type: 'outcome', path: `step_${token}`, token, result: { ok: true, output } }
}

export function signal(id: string, data: Json = null): Message {
  return { type: 'signal', id, name: 'go', data }
}

export async function rejectsWith(work: () => Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof Error && 'code' in error, String(error))
    assert.equal(error.code, code, error.message)
    return true
  })
}
