/** A process without the process: an orchestrator, a pool that a test holds in its hand, the polls of a session. */
import assert from 'node:assert/strict'
import type { Backend, Owner, RunRecord } from '../../../src/backend/backend.ts'
import { createExpressions } from '../../../src/definition/expression.ts'
import { compile, recover, type Compiled } from '../../../src/engine/transition.ts'
import type { Task } from '../../../src/model/command.ts'
import type { Definition } from '../../../src/model/definition.ts'
import type { MagError } from '../../../src/model/error.ts'
import type { RunEvent } from '../../../src/model/event.ts'
import type { JsonObject } from '../../../src/model/json.ts'
import type { AttemptResult, Message, Outcome } from '../../../src/model/message.ts'
import { createChildren, type Children } from '../../../src/runtime/children.ts'
import { createGates, type Gates } from '../../../src/runtime/gates.ts'
import { createOrchestrator, type Orchestrator, type StartResult } from '../../../src/runtime/orchestrator.ts'
import type { Clock } from '../../../src/runtime/clock.ts'

export const LEASE_MS = 15_000

const expressions = createExpressions()

/** What all machines of a test know: definitions by hash. */
export class Library {
  readonly #byHash = new Map<string, Compiled>()

  add(definition: Definition): Compiled {
    const hash = `h${this.#byHash.size + 1}`
    const compiled = compile(definition, hash, expressions)
    this.#byHash.set(hash, compiled)
    return compiled
  }

  get(hash: string): Compiled {
    return this.#byHash.get(hash) ?? assert.fail(`no definition ${hash}`)
  }
}

export interface MachineOptions {
  backend: Backend
  clock: Clock
  library: Library
  /** What the pool does with a task; absent: it waits for `finish`. */
  answer?: (task: Task) => AttemptResult | undefined
}

export class Machine {
  readonly backend: Backend
  readonly owner: Owner
  readonly orchestrator: Orchestrator
  /** With the pool, by `run/token`. */
  readonly tasks = new Map<string, Task>()
  /** Every task the pool was ever given. */
  readonly given: Task[] = []
  readonly cancelled: string[] = []
  readonly lost: string[] = []
  readonly errors: Array<{ code: string; fatal: boolean }> = []
  readonly seen = new Map<string, RunEvent[]>()
  /** Whether the pool's tasks ignore their abort signal. */
  deaf = false
  readonly gates: Gates
  readonly children: Children
  readonly #answer: MachineOptions['answer']

  private constructor(owner: Owner, options: MachineOptions) {
    const { backend, clock, library } = options
    this.backend = backend
    this.owner = owner
    this.#answer = options.answer
    const deliver = (runId: string, message: Message) => void this.orchestrator.deliver(runId, message)
    const owns = (runId: string) => this.orchestrator.owns(runId)
    const onError = (error: unknown) => void this.errors.push({ code: String(error), fatal: true })
    this.gates = createGates({ backend, clock, deliver, owns, onError: (error) => (this.closed(error) ? undefined : onError(error)) })
    this.children = createChildren({
      backend, clock, owns, onError: (error) => (this.closed(error) ? undefined : onError(error)), compiled: async (hash) => library.get(hash), start: (request) => this.orchestrator.start(request),
      takeOver: (runId) => this.takeOver(runId),
      send: async (runId, message) => (owns(runId) ? this.orchestrator.deliver(runId, message) : backend.send(runId, message)),
    })
    this.orchestrator = createOrchestrator({
      backend, owner, clock, gates: this.gates, children: this.children, compiled: async (hash) => library.get(hash),
      isLocal: () => true,
      runTask: (task) => this.#run(task),
      cancelTask: (runId, token) => {
        this.cancelled.push(`${runId}/${token}`)
        const task = this.tasks.get(`${runId}/${token}`)
        if (task && !this.deaf) queueMicrotask(() => this.finish(task, aborted))
      },
      onEvents: (runId, events) => this.seen.set(runId, [...(this.seen.get(runId) ?? []), ...events]),
      onLost: (runId) => void this.lost.push(runId),
      onStoreError: (error: MagError, fatal) => void this.errors.push({ code: error.code, fatal }),
    })
  }

  /** What a process that is gone, or a store that refuses on purpose, says is no fault. */
  closed(error: unknown): boolean {
    return error instanceof Error && 'code' in error
  }

  static async open(options: MachineOptions): Promise<Machine> {
    const owner = await options.backend.join({ host: 'test', pid: 1, startToken: '', role: 'cli' }, LEASE_MS)
    return new Machine(owner, options)
  }

  #run(task: Task): void {
    this.given.push(task)
    this.tasks.set(`${task.runId}/${task.token}`, task)
    const result = this.#answer?.(task)
    if (result) queueMicrotask(() => this.finish(task, result))
  }

  /** Its outcome reaches the run, once. */
  finish(task: Task, result: AttemptResult = ok(task)): void {
    if (!this.tasks.delete(`${task.runId}/${task.token}`)) return
    void this.orchestrator.deliver(task.runId, outcomeOf(task, result))
  }

  task(path: string): Task {
    for (const task of this.tasks.values()) if (task.path === path) return task
    return assert.fail(`no task ${path}; there are ${[...this.tasks.values()].map((task) => task.path)}`)
  }

  start(id: string, compiled: Compiled, more: { key?: string; input?: JsonObject; inputHash?: string; children?: { readonly [workflow: string]: string } } = {}): Promise<StartResult> {
    return this.orchestrator.start({ id, workflow: compiled.definition.name, compiled, input: {}, inputHash: '', ...more })
  }

  /** As a session does: fences the holder where that is allowed, claims, adopts. */
  async takeOver(runId: string, proof?: 'dead'): Promise<boolean> {
    let claim = await this.backend.claim(runId, this.owner)
    if (claim.status === 'held' && (await this.backend.fence(claim.by.id, proof))) claim = await this.backend.claim(runId, this.owner)
    if (claim.status !== 'ok') return false
    if (!this.orchestrator.owns(runId)) await this.orchestrator.adopt(runId)
    return true
  }

  async takeOrphans(limit = 10_000): Promise<void> {
    for (const record of await this.backend.orphans(limit)) await this.takeOver(record.id)
  }

  async readInbox(): Promise<void> {
    this.children.sweep(this.orchestrator.waitingForChildren())
    for (const item of await this.backend.inbox(this.owner, 1_000)) await this.orchestrator.deliver(item.runId, item.message, item.id)
  }

  async record(runId: string): Promise<RunRecord> {
    return (await this.backend.run(runId)) ?? assert.fail(`no run ${runId}`)
  }
}

const aborted: AttemptResult = { ok: false, how: 'aborted', error: { code: 'ABORTED', message: 'aborted', retryable: true } }

export function ok(task: Task): AttemptResult {
  return { ok: true, output: { by: task.path } }
}

export function outcomeOf(task: Task, result: AttemptResult = ok(task)): Outcome {
  return { type: 'outcome', path: task.path, token: task.token, result }
}

/** What every history must show, whatever has happened to its writers. */
export function checkHistory(compiled: Compiled, runId: string, history: readonly RunEvent[]): void {
  const completed = new Set<string>()
  let token = 0
  history.forEach((event, i) => {
    assert.equal(event.seq, i + 1, 'dense')
    if (event.type === 'step.scheduled' || event.type === 'compensation.scheduled') {
      assert.ok(event.token > token, 'tokens increase')
      token = event.token
    }
    if (event.type === 'step.completed' || event.type === 'compensation.completed') {
      const key = `${event.type} ${event.path}`
      assert.ok(!completed.has(key), `one result: ${key}`)
      completed.add(key)
    }
    if (event.type === 'run.finished') assert.equal(i, history.length - 1, 'nothing after the end')
  })
  recover(compiled, runId, history)
}

export function types(history: readonly RunEvent[]): string[] {
  return history.map((event) => ('path' in event && event.path !== undefined ? `${event.type} ${event.path}` : event.type))
}

export function count(history: readonly RunEvent[], type: RunEvent['type']): number {
  return history.filter((event) => event.type === type).length
}
